"""Sealing at rest, and keys from passphrases; how the server seals is tested beside its keys."""

import hashlib
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.jose.sealing import KEY_BYTES, NotSealed, Sealing, stretched

KEY = bytes(range(KEY_BYTES))


def test_what_is_sealed_opens_with_its_key_for_its_purpose_alone():
    sealed = Sealing(KEY, os.urandom).seal(b"tokens", "one entry")
    assert b"tokens" not in sealed
    assert Sealing(KEY, os.urandom).open(sealed, "one entry") == b"tokens"
    for key, context in ((KEY, "another entry"), (bytes(KEY_BYTES), "one entry")):
        with pytest.raises(NotSealed):
            Sealing(key, os.urandom).open(sealed, context)


def test_it_is_aes_gcm_as_others_do_it():
    """NIST SP 800-38D: a version, a nonce of 96 bits, the ciphertext with its tag."""
    sealed = Sealing(KEY, os.urandom).seal(b"tokens", "entry")
    assert AESGCM(KEY).decrypt(sealed[1:13], sealed[13:], b"entry") == b"tokens"


def test_no_two_sealings_are_alike():
    sealing = Sealing(KEY, os.urandom)
    assert sealing.seal(b"x", "y") != sealing.seal(b"x", "y")


def test_a_passphrase_is_stretched_as_others_do_it():
    """RFC 7914."""
    salt = bytes(16)
    expected = hashlib.scrypt(
        "pässword".encode(), salt=salt, n=2**17, r=8, p=1, dklen=32, maxmem=256 * 2**20
    )
    assert stretched("pässword", salt) == expected
    assert stretched("pässword", bytes([1]) + salt[1:]) != expected
