"""How refresh tokens are spelled and read back."""

import hmac
import os
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.jose.mac import Mac
from counterfoil.oauth.opaque import Kind, Secret, content_of, spell
from counterfoil.server.keys.sealing import NotSealed, Sealing, derive
from counterfoil.server.protocol.identifiers import HANDLE_BYTES, named
from counterfoil.server.protocol.refresh_tokens import (
    RANDOM_BYTES,
    read_refresh_token,
    spell_refresh_token,
)

KEY, ANOTHER = Mac(b"m" * 32), Mac(b"x" * 32)
FAMILIES = st.binary(min_size=HANDLE_BYTES, max_size=HANDLE_BYTES).map(named)
GENERATIONS = st.integers(0, 2**32 - 1)
RANDOM = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(FAMILIES, GENERATIONS, RANDOM)
def test_what_was_spelled_is_read_back(family_id: str, generation: int, random: bytes):
    token = spell_refresh_token(KEY, family_id, generation, random)
    shown = read_refresh_token(KEY, token.reveal())
    assert shown is not None
    assert (shown.family_id, shown.generation) == (family_id, generation)
    assert shown.digest == token.fingerprint()


@given(FAMILIES, GENERATIONS, RANDOM)
def test_its_mac_is_that_of_the_standard_library(family_id: str, generation: int, random: bytes):
    """Tokens that were given out before stay good, whatever makes their MAC."""
    content = content_of(
        Kind.REFRESH_TOKEN, spell_refresh_token(KEY, family_id, generation, random).reveal()
    )
    assert content is not None
    decoded = urlsafe_b64decode(content)
    said = urlsafe_b64decode(family_id + "==") + generation.to_bytes(4, "big") + random
    assert decoded == said + hmac.digest(b"m" * 32, said, "sha256")[:16]


@given(FAMILIES, GENERATIONS, RANDOM)
def test_a_token_of_another_installation_is_none_of_ours(
    family_id: str, generation: int, random: bytes
):
    """A guessed or forged one names nothing: the MAC is under a sealed key."""
    forged = spell_refresh_token(ANOTHER, family_id, generation, random)
    assert read_refresh_token(KEY, forged.reveal()) is None


@given(FAMILIES, st.integers(0, 2**32 - 2), RANDOM)
def test_a_generation_cannot_be_raised(family_id: str, generation: int, random: bytes):
    """S70: neither family nor generation can be changed without the key."""
    ours = spell_refresh_token(KEY, family_id, generation, random).reveal()
    raised = spell_refresh_token(ANOTHER, family_id, generation + 1, random).reveal()
    assert ours != raised
    assert read_refresh_token(KEY, raised) is None


@given(st.binary(min_size=60, max_size=60))
def test_any_content_in_the_right_shape_is_refused(content: bytes):
    assert read_refresh_token(KEY, spell(Kind.REFRESH_TOKEN, content).reveal()) is None


@given(st.text(max_size=120))
def test_any_text_is_refused(text: str):
    assert read_refresh_token(KEY, text) is None


@given(st.integers(16, 96))
def test_other_lengths_are_refused(length: int):
    token = spell(Kind.REFRESH_TOKEN, bytes(length)).reveal()
    assert read_refresh_token(KEY, token) is None


def test_another_kind_of_secret_is_no_refresh_token():
    """S75: even with the right bytes inside."""
    token = spell_refresh_token(KEY, named(bytes(HANDLE_BYTES)), 1, bytes(RANDOM_BYTES)).reveal()
    content = urlsafe_b64decode(token.removeprefix("cfrt_")[:-9] + "==")
    assert spell(Kind.REFRESH_TOKEN, content).reveal() == token
    assert read_refresh_token(KEY, spell(Kind.AUTHORIZATION_CODE, content).reveal()) is None


def test_two_tokens_of_one_generation_differ():
    """S60: chance is part of it."""
    one, other = (
        spell_refresh_token(KEY, named(bytes(HANDLE_BYTES)), 1, bytes([n]) * RANDOM_BYTES)
        for n in (1, 2)
    )
    assert one != other


def presented(generation: int = 4, random: bytes = b"r" * RANDOM_BYTES, family: bytes = b"f"):
    family_id = named(family * HANDLE_BYTES)
    shown = read_refresh_token(
        KEY, spell_refresh_token(KEY, family_id, generation, random).reveal()
    )
    assert shown is not None
    return shown


SUCCESSOR = Secret("cfrt_successor")


def test_a_predecessor_opens_its_successor_byte_for_byte():
    sealed = presented().seal_successor(SUCCESSOR, os.urandom)
    assert presented().open_successor(sealed, os.urandom) == SUCCESSOR
    assert SUCCESSOR.reveal().encode() not in sealed


@pytest.mark.parametrize(
    "other",
    [
        {"generation": 3},
        {"generation": 5},
        {"random": b"s" * RANDOM_BYTES},
        {"family": b"g"},
    ],
)
def test_no_other_token_opens_it(other: dict[str, Any]):
    """Right MAC or not: who opens it has shown the very token that it replaced."""
    sealed = presented().seal_successor(SUCCESSOR, os.urandom)
    assert presented(**other).open_successor(sealed, os.urandom) is None


@given(st.data())
def test_a_changed_seal_opens_nothing(data: st.DataObject):
    sealed = bytearray(presented().seal_successor(SUCCESSOR, os.urandom))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    assert presented().open_successor(bytes(sealed), os.urandom) is None


@given(st.binary(max_size=80))
def test_what_was_never_sealed_opens_nothing(sealed: bytes):
    assert presented().open_successor(sealed, os.urandom) is None


def test_the_stored_hash_is_no_key():
    """The SHA-256 of the predecessor stood in the database a moment ago: it must open nothing."""
    shown = presented()
    sealed = shown.seal_successor(SUCCESSOR, os.urandom)
    for key in (shown.digest, derive(shown.digest, "refresh successor")):
        with pytest.raises(NotSealed):
            Sealing(key, os.urandom).open(sealed, "refresh successor")


def test_a_presentation_does_not_show_its_token():
    assert presented().token.reveal() not in repr(presented())
