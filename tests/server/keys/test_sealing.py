"""Sealing: what is sealed opens with its key, for its purpose and unaltered, or not at all."""

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.server.keys.sealing import NotSealed, Sealing, derive

KEY = bytes(range(32))
SEALING = Sealing(KEY, os.urandom)


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_opens_again(plaintext: bytes, context: str):
    assert SEALING.open(SEALING.seal(plaintext, context), context) == plaintext


@given(st.data())
def test_a_changed_byte_does_not_open(data: st.DataObject):
    sealed = bytearray(SEALING.seal(b"a private key", "purpose"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NotSealed):
        SEALING.open(bytes(sealed), "purpose")


@given(st.integers(0, 40))
def test_a_part_does_not_open(length: int):
    sealed = SEALING.seal(b"a private key", "purpose")
    with pytest.raises(NotSealed):
        SEALING.open(sealed[:length], "purpose")


def test_another_purpose_does_not_open():
    with pytest.raises(NotSealed):
        SEALING.open(SEALING.seal(b"x", "refresh"), "pending")


def test_another_key_does_not_open():
    with pytest.raises(NotSealed):
        Sealing(b"o" * 32, os.urandom).open(SEALING.seal(b"x", "a"), "a")


def test_the_error_shows_nothing_of_what_was_given():
    with pytest.raises(NotSealed) as it:
        SEALING.open(b"\x01" + b"plaintext" * 9, "purpose")
    assert "plaintext" not in str(it.value)
    assert it.value.__cause__ is None


def test_two_seals_of_one_text_differ():
    assert SEALING.seal(b"x", "a") != SEALING.seal(b"x", "a")


def test_it_is_aes_256_gcm_with_the_context_as_associated_data():
    """NIST SP 800-38D, by the cipher itself: version, nonce of 12 bytes, ciphertext and tag."""
    sealed = SEALING.seal(b"text", "context")
    assert sealed[0] == 1
    assert AESGCM(KEY).decrypt(sealed[1:13], sealed[13:], b"context") == b"text"


def test_a_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        Sealing(b"k" * 16, os.urandom)


def test_derived_keys_differ_by_purpose_and_secret_and_stay_the_same():
    """HKDF-SHA256 (RFC 5869), written out once by hand."""
    import hmac

    extracted = hmac.digest(bytes(32), KEY, "sha256")
    expected = hmac.digest(extracted, b"counterfoil csrf\x01", "sha256")
    assert derive(KEY, "csrf") == expected
    assert len({derive(KEY, "csrf"), derive(KEY, "pending"), derive(b"o" * 32, "csrf")}) == 3


def test_sealing_does_not_show_its_key():
    assert KEY.hex() not in repr(SEALING)
    assert repr(KEY) not in repr(SEALING)
