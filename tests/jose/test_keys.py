"""Keys pinned to an algorithm, and sets of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from counterfoil.jose.algorithms import ALGORITHMS
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet, PrivateKey, PublicKey


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_private_key_survives_export_and_import(
    name: str, private_keys: Mapping[str, PrivateKey]
) -> None:
    """PKCS #8, as DER for sealing and as PEM for people; the algorithm stays pinned."""
    key = private_keys[name]
    for again in (
        PrivateKey.from_der(key.to_der(), name),
        PrivateKey.from_pem(key.to_pem(), name, "mine"),
    ):
        assert again.public.thumbprint == key.public.thumbprint
        assert again.public.algorithm.name == name
        key.public.verify(again.sign(b"message"), b"message")
    assert PrivateKey.from_der(key.to_der(), name, "mine").public.kid == "mine"


def test_the_same_rsa_key_may_be_pinned_either_way_but_never_to_both() -> None:
    key = PrivateKey.generate("PS256")
    other = PrivateKey.from_der(key.to_der(), "RS256")
    with pytest.raises(JoseError) as caught:
        other.public.verify(key.sign(b"message"), b"message")
    assert caught.value.reason == "bad_signature"


def test_a_private_key_for_another_algorithm_is_refused(es256: PrivateKey) -> None:
    for algorithm in ("EdDSA", "RS256"):
        with pytest.raises(JoseError) as caught:
            PrivateKey.from_der(es256.to_der(), algorithm)
        assert caught.value.reason == "bad_key"
    with pytest.raises(JoseError) as caught:
        PrivateKey.from_der(es256.to_der(), "HS256")
    assert caught.value.reason == "wrong_algorithm"


def test_what_is_no_private_key_is_refused(es256: PrivateKey) -> None:
    locked = es256.native.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
    )
    for pem in (b"", b"no key", locked, es256.to_der()):
        with pytest.raises(JoseError) as caught:
            PrivateKey.from_pem(pem, "ES256")
        assert caught.value.reason == "bad_key"
    for der in (b"", b"no key", es256.to_pem(), es256.to_der()[:-1]):
        with pytest.raises(JoseError) as caught:
            PrivateKey.from_der(der, "ES256")
        assert caught.value.reason == "bad_key"


def test_a_private_key_never_shows_itself(es256: PrivateKey) -> None:
    native = es256.native
    assert isinstance(native, ec.EllipticCurvePrivateKey)
    secret = native.private_numbers().private_value
    shown = repr(es256) + str(es256) + f"{es256}" + repr([es256])
    assert "redacted" in shown
    assert str(secret) not in shown
    assert f"{secret:x}" not in shown
    with pytest.raises(TypeError):
        msgspec.json.encode(es256)


def test_keys_do_not_change() -> None:
    key = PrivateKey.generate("EdDSA")
    with pytest.raises(AttributeError):
        key.public.kid = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        key.native_sign = bytes  # type: ignore[misc]


def test_a_native_key_of_another_kind_is_refused() -> None:
    """A key on another curve, or too short, is refused when it is pinned, not later."""
    for native in (
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(public_exponent=65537, key_size=1024),
        ed25519.Ed25519PrivateKey.generate(),
    ):
        with pytest.raises(JoseError) as caught:
            PublicKey.of(native.public_key(), "ES256")
        assert caught.value.reason == "bad_key"


def test_a_key_set_is_a_mapping_by_kid(private_keys: Mapping[str, PrivateKey]) -> None:
    keys = KeySet(key.public for key in private_keys.values())
    assert len(keys) == 4
    assert keys[private_keys["EdDSA"].public.kid] is private_keys["EdDSA"].public
    assert "other" not in keys
    assert keys.get("other") is None
    assert keys.only() is None
    assert KeySet([private_keys["EdDSA"].public]).only() is private_keys["EdDSA"].public
    assert KeySet().only() is None


def test_a_published_set_comes_back_the_same(private_keys: Mapping[str, PrivateKey]) -> None:
    keys = KeySet(key.public for key in private_keys.values())
    again = KeySet.from_jwks(msgspec.json.decode(msgspec.json.encode(keys.as_jwks())))
    assert again.as_jwks() == keys.as_jwks()
    assert again.skipped == ()


def test_a_key_set_cannot_be_changed(es256: PrivateKey) -> None:
    keys = KeySet([es256.public])
    with pytest.raises(TypeError):
        keys["other"] = es256.public  # type: ignore[index]
    with pytest.raises(TypeError):
        del keys[es256.public.kid]  # type: ignore[attr-defined]


def test_a_kid_given_to_two_keys_is_refused(es256: PrivateKey) -> None:
    """Which of the two was meant cannot be known."""
    other = PrivateKey.generate(kid=es256.public.kid)
    with pytest.raises(JoseError) as caught:
        KeySet.from_jwks({"keys": [es256.public.as_jwk(), other.public.as_jwk()]})
    assert caught.value.reason == "bad_key"


def test_keys_that_are_not_for_us_are_left_out_and_named(es256: PrivateKey) -> None:
    """RFC 7517 §5: other issuers may publish keys of other kinds, or broken ones."""
    good = es256.public.as_jwk()
    entries: list[dict[str, Any]] = [
        good | {"kid": "enc", "use": "enc"},
        good | {"kid": "other", "alg": "ES512"},
        good | {"kid": "broken", "x": "AAAA"},
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AAAA"},
        {},
        good,
    ]
    keys = KeySet.from_jwks({"keys": entries, "extension": 1})
    assert list(keys) == [es256.public.kid]
    assert [line.split(":")[0] for line in keys.skipped] == [f"Entry {n}" for n in range(5)]


def test_keys_without_alg_take_the_callers_algorithm_if_they_fit(
    private_keys: Mapping[str, PrivateKey],
) -> None:
    entries = [key.public.as_jwk() for name, key in private_keys.items() if name != "PS256"]
    for entry in entries:
        if entry["alg"] != "EdDSA":
            del entry["alg"]
    assert [key.algorithm.name for key in KeySet.from_jwks({"keys": entries}).values()] == ["EdDSA"]
    keys = KeySet.from_jwks({"keys": entries}, "RS256")
    assert sorted(key.algorithm.name for key in keys.values()) == ["EdDSA", "RS256"]


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"])
def test_a_set_with_private_members_is_refused_whole(member: str, es256: PrivateKey) -> None:
    """Whoever publishes a private key has lost it; the set is not to be trusted."""
    entry = es256.public.as_jwk() | {member: "AAAA", "alg": "unknown"}
    with pytest.raises(JoseError) as caught:
        KeySet.from_jwks({"keys": [entry]})
    assert caught.value.reason == "bad_key"


@pytest.mark.parametrize("jwks", [{}, {"keys": {}}, {"keys": "a"}, {"keys": None}, {"keys": [1]}])
def test_what_is_no_jwk_set_is_refused(jwks: dict[str, object]) -> None:
    with pytest.raises(JoseError) as caught:
        KeySet.from_jwks(jwks)
    assert caught.value.reason == "malformed"


def test_pem_is_the_standard_form(es256: PrivateKey) -> None:
    assert es256.to_pem() == es256.native.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
