"""ML-DSA-65: the vector of RFC 9964, another implementation, and what the keys must never do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.exceptions import InvalidSignature
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet as JoserfcKeySet
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jws as jwcrypto_jws
from jwcrypto import jwt as jwcrypto_jwt

from counterfoil.jose import akp, algorithms, jwk, jws, jwt
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet, PrivateKey, PublicKey

VECTOR: dict[str, Any] = json.loads(
    (Path(__file__).parent / "rfc9964_ml_dsa_65.json").read_text(encoding="ascii")
)
JWK: dict[str, str] = VECTOR["jwk"]
PUBLIC = {name: value for name, value in JWK.items() if name != "priv"}


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return PrivateKey.generate("ML-DSA-65")


def test_rfc9964_appendix_a_the_key_made_of_its_seed_has_the_public_half_and_thumbprint() -> None:
    """RFC 9964 §6: the thumbprint is taken over `alg` too."""
    private = PrivateKey.from_jwk(JWK)
    assert private.public.thumbprint == JWK["kid"]
    unnamed = {name: value for name, value in PUBLIC.items() if name != "kid"}
    assert PublicKey.from_jwk(unnamed).kid == JWK["kid"]
    assert private.public.as_jwk() == {**PUBLIC, "use": "sig"}


def test_rfc9964_appendix_a_the_signature_verifies() -> None:
    """RFC 9964 §4: pure ML-DSA with an empty context, 3,309 bytes."""
    token = jws.split(VECTOR["jws"])
    signature = jws.decode_part(token.signature)
    assert len(signature) == 3309
    public = PublicKey.from_jwk(PUBLIC)
    public.verify(signature, token.signed)
    with pytest.raises(JoseError, match="does not fit"):
        public.verify(signature, token.signed + b"x")


def test_jwcrypto_verifies_what_we_sign_and_we_what_it_signs(key: PrivateKey) -> None:
    """S65: RFC 9964 by two implementations."""
    token = jwt.sign({"sub": "u1"}, key, "at+jwt")
    theirs = jwcrypto_jwk.JWK(**key.public.as_jwk())
    assert json.loads(jwcrypto_jwt.JWT(jwt=token, key=theirs, algs=["ML-DSA-65"]).claims) == {
        "sub": "u1"
    }
    assert theirs.thumbprint() == key.public.kid
    seed = jwcrypto_jwk.JWK.generate(kty="AKP", alg="ML-DSA-65")
    ours = PrivateKey.from_jwk(json.loads(seed.export_private()))
    made = jwcrypto_jwt.JWT(header={"alg": "ML-DSA-65", "typ": "at+jwt"}, claims={"sub": "u2"})
    made.make_signed_token(seed)
    keys = KeySet.from_jwks({"keys": [json.loads(seed.export_public())]})
    assert jwt.verify(made.serialize(), keys, "at+jwt").claims == {"sub": "u2"}
    theirs = jwcrypto_jws.JWS()
    theirs.deserialize(jwt.sign({}, ours, "at+jwt"), seed, alg="ML-DSA-65")


def test_other_libraries_pass_over_such_a_key_in_a_set(key: PrivateKey) -> None:
    """RFC 7517 §5: who verifies other tokens of ours goes on when one API begins to ask."""
    es256 = PrivateKey.generate("ES256")
    published: Any = KeySet([key.public, es256.public]).as_jwks()
    assert [each.key_id for each in pyjwt.PyJWKSet.from_dict(published).keys] == [es256.public.kid]
    token = jwt.sign({"sub": "u1"}, es256, "at+jwt")
    theirs = joserfc_jwt.decode(token, JoserfcKeySet.import_key_set(published), ["ES256"])
    assert theirs.claims == {"sub": "u1"}


def test_it_is_taken_only_by_name(key: PrivateKey) -> None:
    """It is in no list that somebody gets unasked."""
    assert list(algorithms.POST_QUANTUM) == ["ML-DSA-65"]
    assert "ML-DSA-65" not in algorithms.ALGORITHMS
    assert "ML-DSA-65" in algorithms.EVERY
    for near in ("ML-DSA-44", "ML-DSA-87", "ml-dsa-65", "MLDSA65"):
        with pytest.raises(JoseError):
            algorithms.named(near)


def test_the_seed_is_never_published_or_shown(key: PrivateKey) -> None:
    private = PrivateKey.from_jwk(JWK)
    assert jwk.PRIVATE_MEMBERS.isdisjoint(private.public.as_jwk())
    assert JWK["priv"] not in repr(private) + str(private.public.as_jwk())
    with pytest.raises(JoseError, match="private members"):
        PublicKey.from_jwk(JWK)
    with pytest.raises(JoseError, match="private members"):
        KeySet.from_jwks({"keys": [JWK]})


def test_a_key_survives_being_sealed(key: PrivateKey) -> None:
    again = PrivateKey.from_der(key.to_der(), "ML-DSA-65", key.public.kid)
    assert again.public.as_jwk() == key.public.as_jwk()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"alg": None}, "unsupported_key"),
        ({"alg": "ML-DSA-44"}, "unsupported_key"),
        ({"alg": "ES256"}, "unsupported_key"),
        ({"kty": "EC"}, "unsupported_key"),
        ({"kty": "OKP"}, "unsupported_key"),
        ({"use": "enc"}, "unsupported_key"),
        ({"pub": PUBLIC["pub"][:-4]}, "bad_key"),
        ({"pub": PUBLIC["pub"] + "AAAA"}, "bad_key"),
        ({"pub": PUBLIC["pub"] + "="}, "bad_key"),
        ({"pub": "é"}, "bad_key"),
        ({"pub": 5}, "bad_key"),
        ({"pub": None}, "bad_key"),
    ],
    ids=str,
)
def test_a_jwk_that_is_not_what_it_claims_is_refused(
    change: Mapping[str, object], reason: str
) -> None:
    with pytest.raises(JoseError) as caught:
        PublicKey.from_jwk({**PUBLIC, **change})
    assert caught.value.reason == reason


def test_a_jwk_without_alg_is_no_key_whatever_the_caller_wants() -> None:
    """RFC 9964 §3: `alg` is required; it says which of three the key is."""
    nameless = {name: value for name, value in PUBLIC.items() if name != "alg"}
    with pytest.raises(JoseError) as caught:
        PublicKey.from_jwk(nameless, "ML-DSA-65")
    assert caught.value.reason == "unsupported_key"


@pytest.mark.parametrize("priv", ["AAAA", "é", 7, PUBLIC["pub"][:43]])
def test_a_seed_that_is_not_that_of_its_public_half_is_refused(priv: object) -> None:
    with pytest.raises(JoseError) as caught:
        PrivateKey.from_jwk({**JWK, "priv": priv})
    assert caught.value.reason == "bad_key"


def test_a_public_jwk_holds_no_private_key() -> None:
    with pytest.raises(JoseError, match="no private key"):
        PrivateKey.from_jwk(PUBLIC)


def test_it_takes_only_its_own_kind_of_key(key: PrivateKey) -> None:
    es256 = PrivateKey.generate("ES256")
    row = algorithms.named("ML-DSA-65")
    for make, other in ((row.signer, es256.native), (row.verifier, es256.public.native)):
        with pytest.raises(JoseError, match="takes a"):
            make(other)
    for name in algorithms.ALGORITHMS:
        with pytest.raises(JoseError, match="takes a"):
            algorithms.named(name).signer(key.native)
        with pytest.raises(JoseError, match="takes a"):
            algorithms.named(name).verifier(key.public.native)


def test_a_signature_is_of_its_key_and_its_message(key: PrivateKey) -> None:
    signature = key.sign(b"message")
    key.public.native_verify(signature, b"message")
    wrong = [signature[:-1], signature + b"\0", b"", bytes(3309), b"\xff" * 3309]
    for each in wrong:
        with pytest.raises(InvalidSignature):
            key.public.native_verify(each, b"message")
    with pytest.raises(InvalidSignature):
        key.public.native_verify(signature, b"messages")


@pytest.mark.parametrize(("said", "by"), [("ML-DSA-65", "ES256"), ("ES256", "ML-DSA-65")])
def test_a_header_cannot_choose_another_algorithm_than_the_keys(said: str, by: str) -> None:
    """RFC 8725 §3.1: the key is pinned, whatever the token says."""
    key = PrivateKey.generate(by)
    header = json.dumps({"alg": said, "kid": key.public.kid, "typ": "at+jwt"}).encode()
    signed = jws.encode_part(header) + b"." + jws.encode_part(b"{}")
    token = signed + b"." + jws.encode_part(key.sign(signed))
    with pytest.raises(JoseError) as caught:
        jwt.verify(token, KeySet([key.public]), "at+jwt")
    assert caught.value.reason == "wrong_algorithm"


def test_the_cryptography_that_is_locked_has_it() -> None:
    assert akp.is_there()
