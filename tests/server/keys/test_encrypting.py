"""Encrypting to APIs, and opening again without having kept anything (S68)."""

import os
import secrets

import msgspec
import pytest

from counterfoil.jose import agreement
from counterfoil.jose.encryption_keys import DecryptionKeys, PrivateEncryptionKey, SharedSecret
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jwe import Opener
from counterfoil.server.keys.encrypting import Encrypting, context_of
from counterfoil.server.keys.master_key import MasterKeyError
from counterfoil.server.keys.sealing import Sealing
from counterfoil.server.records.encryption_key import EncryptionKey

SEALING = Sealing(bytes(32), os.urandom)
SECRET = secrets.token_bytes(32)
SHARED = SharedSecret.generate(secrets.token_bytes)
NOW = 1_800_000_000


def process(secret: bytes = SECRET, sealing: Sealing = SEALING) -> Encrypting:
    return Encrypting(sealing, secret, secrets.token_bytes)


def public(pair: PrivateEncryptionKey) -> EncryptionKey:
    jwk = msgspec.json.encode(pair.public.as_jwk()).decode()
    return EncryptionKey(kid=pair.kid, alg="ECDH-ES", created_at=1, public_jwk=jwk)


def shared(sealing: Sealing = SEALING) -> EncryptionKey:
    sealed = sealing.seal(SHARED.secret, context_of(SHARED.kid))
    return EncryptionKey(kid=SHARED.kid, alg="dir", created_at=1, sealed=sealed)


@pytest.mark.parametrize("crv", agreement.CURVES)
def test_the_api_opens_it_and_so_does_every_process_of_the_installation(crv: str):
    pair = PrivateEncryptionKey.generate(crv)
    token = process().encrypt(public(pair), "a.b.c", NOW)
    assert Opener(DecryptionKeys((pair,)).find, "at+jwt").open(token) == "a.b.c"
    assert process().open([shared(), public(pair)], token) == "a.b.c"


def test_under_a_shared_secret_too():
    token = process().encrypt(shared(), "a.b.c", NOW)
    assert Opener(DecryptionKeys((SHARED,)).find, "at+jwt").open(token) == "a.b.c"
    assert process().open([shared()], token) == "a.b.c"


def test_another_installation_opens_nothing():
    pair = PrivateEncryptionKey.generate()
    token = process().encrypt(public(pair), "a.b.c", NOW)
    with pytest.raises(JoseError) as refused:
        process(secrets.token_bytes(32)).open([public(pair)], token)
    assert refused.value.reason == "undecryptable"


def test_no_two_tokens_have_the_same_key():
    """The ephemeral key of each is its own, and that of an API's other key another still."""
    pair = PrivateEncryptionKey.generate()
    encrypting = process()
    tokens = {encrypting.encrypt(public(pair), "a.b.c", NOW).split(".")[0] for _ in range(20)}
    assert len(tokens) == 20
    assert encrypting._ephemeral("a", b"party") != encrypting._ephemeral("b", b"party")


def test_a_secret_that_was_sealed_elsewhere_does_not_open():
    other = Sealing(b"\1" * 32, os.urandom)
    with pytest.raises(MasterKeyError):
        process().encrypt(shared(other), "a.b.c", NOW)


def test_a_name_that_is_given_anew_is_not_taken_for_the_old_key():
    pairs = [PrivateEncryptionKey.generate() for _ in range(2)]
    encrypting = process()
    for pair in pairs:
        named = msgspec.structs.replace(
            public(pair),
            kid="same",
            public_jwk=msgspec.json.encode(pair.public.as_jwk() | {"kid": "same"}).decode(),
        )
        token = encrypting.encrypt(named, "a.b.c", NOW)
        own = PrivateEncryptionKey.from_jwk(pair.as_jwk() | {"kid": "same"})
        assert Opener(DecryptionKeys((own,)).find, "at+jwt").open(token) == "a.b.c"


def test_it_shows_nothing():
    assert repr(process()) == "Encrypting(…)"


def test_of_the_keys_of_others_none_is_touched():
    """One that is damaged, or of which there are two, makes no other API's tokens unreadable."""
    pair, twin = PrivateEncryptionKey.generate(), public(PrivateEncryptionKey.generate())
    damaged = shared(Sealing(b"\1" * 32, os.urandom))
    encrypting = process()
    token = encrypting.encrypt(public(pair), "a.b.c", NOW)
    assert encrypting.open([damaged, twin, twin, public(pair)], token) == "a.b.c"
    with pytest.raises(JoseError) as refused:
        encrypting.open([damaged, twin], token)
    assert refused.value.reason == "unknown_key"
