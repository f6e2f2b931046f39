"""JSON Web Keys, in and out."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from counterfoil.jose import jwk
from counterfoil.jose.algorithms import ALGORITHMS
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import PrivateKey, PublicKey

RFC7638_N = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPeb"
    "WKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368Q"
    "QMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2"
    "NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)
RFC7638_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_rfc7638_section_3_1_thumbprint() -> None:
    """RFC 7638 §3.1: other members do not change it, and it becomes the kid where none is given."""
    members = {"kty": "RSA", "n": RFC7638_N, "e": "AQAB", "alg": "RS256"}
    assert PublicKey.from_jwk(members).kid == RFC7638_THUMBPRINT
    named = PublicKey.from_jwk(members | {"kid": "2011-04-29"})
    assert (named.kid, named.thumbprint) == ("2011-04-29", RFC7638_THUMBPRINT)


def test_a_thumbprint_is_of_the_key_and_not_of_its_spelling() -> None:
    """The same exponent written with a leading zero byte has the same thumbprint."""
    members = {"kty": "RSA", "n": RFC7638_N, "e": "AAEAAQ", "alg": "RS256"}
    assert PublicKey.from_jwk(members).kid == RFC7638_THUMBPRINT


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_published_key_comes_back_the_same(
    name: str, private_keys: Mapping[str, PrivateKey]
) -> None:
    public = private_keys[name].public
    members = public.as_jwk()
    assert members["kid"] == public.kid == public.thumbprint
    assert (members["alg"], members["use"], members["kty"]) == (name, "sig", ALGORITHMS[name].kty)
    assert jwk.PRIVATE_MEMBERS.isdisjoint(members)
    assert PublicKey.from_jwk(members).as_jwk() == members


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"alg": "none"}, "unsupported_key"),
        ({"alg": "HS256"}, "unsupported_key"),
        ({"alg": "ECDH-ES"}, "unsupported_key"),
        ({"alg": 7}, "unsupported_key"),
        ({"alg": None}, "unsupported_key"),
        ({"alg": "RS256"}, "unsupported_key"),
        ({"alg": "EdDSA"}, "unsupported_key"),
        ({"kty": "oct"}, "unsupported_key"),
        ({"kty": "RSA"}, "unsupported_key"),
        ({"kty": None}, "unsupported_key"),
        ({"crv": "P-384"}, "unsupported_key"),
        ({"crv": "secp256k1"}, "unsupported_key"),
        ({"use": "enc"}, "unsupported_key"),
        ({"use": None}, "unsupported_key"),
        ({"key_ops": ["sign"]}, "unsupported_key"),
        ({"key_ops": "verify"}, "unsupported_key"),
        ({"kid": 5}, "bad_key"),
        ({"kid": ""}, "bad_key"),
        ({"x": "AAAA"}, "bad_key"),
        ({"x": None}, "bad_key"),
        ({"x": ["a"]}, "bad_key"),
        ({"x": "\u00e9"}, "bad_key"),
        ({"x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU="}, "bad_key"),
        ({"x": "A" * 20_000}, "bad_key"),
        ({"x": ""}, "bad_key"),
        ({"d": "AAAA"}, "bad_key"),
        ({"k": "AAAA"}, "bad_key"),
    ],
)
def test_a_jwk_that_is_not_what_it_claims_is_refused(
    change: dict[str, object], reason: str, es256: PrivateKey
) -> None:
    """RFC 7517 §4 and RFC 8725 §3.1: kind, curve, use and algorithm must agree; no private part."""
    with pytest.raises(JoseError) as caught:
        PublicKey.from_jwk({**es256.public.as_jwk(), **change})
    assert caught.value.reason == reason


def test_a_point_off_the_curve_is_refused(es256: PrivateKey) -> None:
    """RFC 8725 §3.4: cryptographic inputs are validated."""
    members = es256.public.as_jwk()
    with pytest.raises(JoseError) as caught:
        PublicKey.from_jwk(members | {"y": members["x"]})
    assert caught.value.reason == "bad_key"


def test_a_jwk_without_alg_needs_the_callers_algorithm(
    private_keys: Mapping[str, PrivateKey],
) -> None:
    """RFC 8725 §3.1: RSA serves two algorithms, so the type alone pins nothing."""
    members = private_keys["PS256"].public.as_jwk()
    del members["alg"]
    with pytest.raises(JoseError) as caught:
        PublicKey.from_jwk(members)
    assert caught.value.reason == "unsupported_key"
    assert PublicKey.from_jwk(members, "PS256").algorithm.name == "PS256"


def test_the_jwks_alg_is_not_overruled_by_the_caller(
    private_keys: Mapping[str, PrivateKey],
) -> None:
    with pytest.raises(JoseError) as caught:
        PublicKey.from_jwk(private_keys["PS256"].public.as_jwk(), "RS256")
    assert caught.value.reason == "wrong_algorithm"


def test_a_private_key_needs_its_private_member(es256: PrivateKey) -> None:
    with pytest.raises(JoseError) as caught:
        PrivateKey.from_jwk(es256.public.as_jwk())
    assert caught.value.reason == "bad_key"


def test_key_operations_are_asked_for_what_is_to_be_done() -> None:
    """RFC 7517 §4.3: `sign` for a private key, `verify` for a public one."""
    members = {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
    assert PrivateKey.from_jwk(members | {"key_ops": ["sign"]})
    with pytest.raises(JoseError, match="key_ops"):
        PrivateKey.from_jwk(members | {"key_ops": ["verify"]})
    del members["d"]
    assert PublicKey.from_jwk(members | {"key_ops": ["verify"]})
