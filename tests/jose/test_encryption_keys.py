"""Keys that tokens are encrypted to: read, named, derived, and never shown."""

from __future__ import annotations

import secrets

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe as joserfc_jwe
from joserfc.jwk import ECKey, OctKey, OKPKey
from jwcrypto import jwe as jwcrypto_jwe
from jwcrypto import jwk as jwcrypto_jwk

from counterfoil.jose import agreement, jws
from counterfoil.jose.encryption_keys import (
    DecryptionKeys,
    PrivateEncryptionKey,
    PublicEncryptionKey,
    SenderKey,
    SharedSecret,
)
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jwe import Opener

TYP = "at+jwt"
CONTENT = b"a.signed.token"
DAY = 20_000
CURVES = pytest.mark.parametrize("crv", agreement.CURVES)


def ephemeral(party: bytes) -> bytes:
    return (party * 3)[:48]


def encrypted(key: PublicEncryptionKey) -> str:
    return key.encrypt(CONTENT, TYP, secrets.token_bytes, ephemeral)


@CURVES
def test_the_private_half_opens_what_was_encrypted_to_the_public_one(crv: str) -> None:
    pair = PrivateEncryptionKey.generate(crv)
    public = PublicEncryptionKey.from_jwk(pair.public.as_jwk())
    keys = DecryptionKeys.from_jwks({"keys": [pair.as_jwk()]})
    assert Opener(keys.find, TYP).open(encrypted(public)) == CONTENT.decode()


@CURVES
def test_the_sender_opens_its_own_token_again_and_no_other(crv: str) -> None:
    """Without a private half and without a row: it derives its ephemeral key once more."""
    public = PrivateEncryptionKey.generate(crv).public
    keys = DecryptionKeys((SenderKey(public, ephemeral),))
    assert Opener(keys.find, TYP).open(encrypted(public)) == CONTENT.decode()
    others = public.encrypt(CONTENT, TYP, secrets.token_bytes, lambda party: party[::-1] * 3)
    with pytest.raises(JoseError) as refused:
        Opener(keys.find, TYP).open(others)
    assert refused.value.reason == "undecryptable"


@CURVES
def test_joserfc_and_jwcrypto_decrypt_it(crv: str) -> None:
    """RFC 7516 by two other implementations."""
    pair = PrivateEncryptionKey.generate(crv)
    token = encrypted(pair.public)
    key = (ECKey if crv == agreement.P256 else OKPKey).import_key(pair.as_jwk())
    theirs = joserfc_jwe.decrypt_compact(token, key, algorithms=["ECDH-ES", "A256GCM"])
    assert theirs.plaintext == CONTENT
    jwcrypto = jwcrypto_jwe.JWE()
    jwcrypto.deserialize(token, jwcrypto_jwk.JWK(**pair.as_jwk()))
    assert jwcrypto.payload == CONTENT


def test_of_a_shared_secret_each_day_has_its_own_key_by_hkdf() -> None:
    """RFC 5869: whoever has no guard of ours derives it in one line."""
    shared = SharedSecret.generate(secrets.token_bytes)
    today, tomorrow = shared.at(DAY * 86400 + 86399), shared.at((DAY + 1) * 86400)
    assert today.kid == f"{shared.kid}.{DAY}"
    assert today.key != tomorrow.key
    info = b"counterfoil token encryption " + today.kid.encode()
    assert today.key == HKDF(SHA256(), 32, None, info).derive(shared.secret)
    token = today.encrypt(CONTENT, TYP, secrets.token_bytes)
    theirs = joserfc_jwe.decrypt_compact(
        token, OctKey.import_key(today.key), algorithms=["dir", "A256GCM"]
    )
    assert theirs.plaintext == CONTENT
    keys = DecryptionKeys.from_jwks(shared.as_jwk())
    assert Opener(keys.find, TYP).open(token) == CONTENT.decode()


@pytest.mark.parametrize("day", ["", "x", "-1", "01", "1.1", "12345678", "\u0661", " 1", "1 "])
def test_a_day_has_one_spelling(day: str) -> None:
    shared = SharedSecret.generate(secrets.token_bytes)
    keys = DecryptionKeys((shared,))
    assert keys.find(f"{shared.kid}.1") is not None
    assert keys.find(f"{shared.kid}.{day}") is None
    assert keys.find(shared.kid) is None


def test_no_repr_and_no_error_shows_a_secret() -> None:
    pair, shared = PrivateEncryptionKey.generate(), SharedSecret.generate(secrets.token_bytes)
    sender = SenderKey(pair.public, ephemeral)
    shown = repr((pair, shared, shared.of_day("1"), sender, DecryptionKeys((pair, shared))))
    assert pair.as_jwk()["d"] not in shown
    assert shared.as_jwk()["k"] not in shown
    assert repr(shared.secret)[2:-1] not in shown
    assert "redacted" in shown
    with pytest.raises(JoseError) as refused:
        PublicEncryptionKey.from_jwk(pair.as_jwk())
    assert pair.as_jwk()["d"] not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"use": "sig"}, "unsupported_key"),
        ({"alg": "ECDH-ES+A256KW"}, "unsupported_key"),
        ({"alg": "ES256"}, "unsupported_key"),
        ({"key_ops": ["verify"]}, "unsupported_key"),
        ({"key_ops": "deriveKey"}, "unsupported_key"),
        ({"kid": ""}, "bad_key"),
        ({"kid": "has.dot"}, "bad_key"),
        ({"kid": "x" * 65}, "bad_key"),
    ],
)
def test_a_key_for_something_else_is_refused(change: dict[str, object], reason: str) -> None:
    """A key that signs must not decrypt as well, and no kid looks like a day's (RFC 8725 §3.5)."""
    public = PrivateEncryptionKey.generate().public.as_jwk()
    assert PublicEncryptionKey.from_jwk(public | {"key_ops": []}).kid == public["kid"]
    with pytest.raises(JoseError) as refused:
        PublicEncryptionKey.from_jwk(public | change)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "change",
    [
        {"derive": "none"},
        {"k": "AAAA"},
        {"k": "?"},
        {"k": 1},
        {"kid": None},
        {"kid": "has.dot"},
        {"alg": "A256KW"},
        {"use": "sig"},
    ],
)
def test_a_shared_secret_that_is_none_is_refused(change: dict[str, object]) -> None:
    jwk = SharedSecret.generate(secrets.token_bytes).as_jwk()
    with pytest.raises(JoseError):
        SharedSecret.from_jwk({n: v for n, v in (jwk | change).items() if v is not None})


@pytest.mark.parametrize("jwks", [{}, {"keys": []}, {"keys": 1}, {"keys": [1]}, {"kty": "RSA"}])
def test_a_key_set_that_is_none_is_refused(jwks: dict[str, object]) -> None:
    with pytest.raises(JoseError):
        DecryptionKeys.from_jwks(jwks)


def test_two_keys_with_one_name_are_refused() -> None:
    pair = PrivateEncryptionKey.generate().as_jwk()
    with pytest.raises(JoseError, match="same kid"):
        DecryptionKeys.from_jwks({"keys": [pair, pair]})


def test_party_bytes_are_new_each_time() -> None:
    public = PrivateEncryptionKey.generate().public
    headers = {encrypted(public).split(".")[0] for _ in range(8)}
    assert len(headers) == 8
    assert all(b'"apu"' in jws.decode_part(each.encode()) for each in headers)
