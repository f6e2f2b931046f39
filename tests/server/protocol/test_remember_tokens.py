"""What a browser is remembered by: spelled, read, and followed by the next."""

from base64 import urlsafe_b64encode

import pytest

from counterfoil.oauth.opaque import Kind, Secret, is_spelled, spell
from counterfoil.server.protocol.remember_tokens import first_token, read_token

KEY, OTHER = b"k" * 32, b"l" * 32
NAME = urlsafe_b64encode(b"n" * 16).rstrip(b"=").decode()
FIRST = first_token(KEY, NAME, b"c" * 32)


def test_it_is_read_as_it_was_spelled():
    assert is_spelled(Kind.REMEMBERED, FIRST.value.reveal())
    assert read_token(KEY, FIRST.value) == FIRST
    assert (FIRST.remembered_id, FIRST.number) == (NAME, 0)
    assert FIRST.digest == FIRST.value.fingerprint()


def test_nobody_spells_one_without_the_key():
    assert read_token(OTHER, FIRST.value) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "cfrb_",
        spell(Kind.REMEMBERED, b"x" * 68).reveal(),
        spell(Kind.SESSION, b"x" * 68).reveal(),
    ],
)
def test_what_we_never_spelled_is_nothing(text: str):
    assert read_token(KEY, Secret(text)) is None


def test_the_next_is_the_same_whenever_it_is_asked_for():
    """So that an answer that was lost can be given again; without the key nobody derives it."""
    after = FIRST.next(KEY)
    assert FIRST.next(KEY) == after
    assert (after.remembered_id, after.number) == (NAME, 1)
    assert read_token(KEY, after.value) == after
    assert FIRST.next(OTHER).value != after.value
    assert first_token(KEY, NAME, b"d" * 32).next(KEY) != after


def test_each_gets_a_session_of_its_own():
    secret = FIRST.session_secret(KEY)
    assert is_spelled(Kind.SESSION, secret.reveal())
    assert FIRST.session_secret(KEY) == secret
    assert FIRST.next(KEY).session_secret(KEY) != secret
    assert FIRST.session_secret(OTHER) != secret


def test_it_does_not_show_itself():
    assert FIRST.value.reveal() not in repr(FIRST)
