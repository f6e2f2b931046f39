"""Our own secrets: recognisable, checkable, and silent about themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.opaque import (
    SECRET_BYTES,
    Kind,
    Secret,
    content_of,
    fingerprint,
    is_spelled,
    spell,
)

CONTENTS = st.binary(min_size=SECRET_BYTES, max_size=96)
KINDS = st.sampled_from(Kind)


@given(KINDS, CONTENTS)
def test_what_is_spelled_is_recognised(kind: Kind, content: bytes):
    assert is_spelled(kind, spell(kind, content).reveal())


@given(KINDS, KINDS, CONTENTS)
def test_one_kind_is_never_another(kind: Kind, other: Kind, content: bytes):
    """S75: a secret of one kind cannot stand in for one of another."""
    assert is_spelled(other, spell(kind, content).reveal()) == (kind is other)


@given(KINDS, CONTENTS, st.data())
def test_a_mistyped_character_is_noticed(kind: Kind, content: bytes, data: st.DataObject):
    """The checksum tells scanners and people a true secret from a lookalike."""
    text = spell(kind, content).reveal()
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("AZaz09_-é ").filter(lambda c: c != text[place]))
    assert not is_spelled(kind, text[:place] + other + text[place + 1 :])


@given(st.text(max_size=60), KINDS)
def test_any_text_may_be_asked_about(text: str, kind: Kind):
    assert not is_spelled(kind, text)


@given(KINDS, CONTENTS)
def test_the_content_comes_back(kind: Kind, content: bytes):
    text = spell(kind, content).reveal()
    found = content_of(kind, text)
    assert found is not None
    assert text.startswith(f"{kind.value}_{found}-")
    assert content_of(kind, text + "x") is None


def test_a_secret_shows_itself_to_nobody():
    """S110: neither repr, str nor a format string holds it."""
    secret = spell(Kind.CLIENT_SECRET, b"s" * SECRET_BYTES)
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r}", repr([secret])):
        assert secret.reveal() not in shown
        assert shown.count("Secret(…)") == 1


def test_the_fingerprint_is_a_sha_256():
    """S77: under it the secret is stored, and it opens nothing."""
    secret = Secret("abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert secret.fingerprint().hex() == digest
    assert fingerprint("abc") == secret.fingerprint()


def test_secrets_are_equal_by_their_text():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_each_kind_has_a_prefix_of_its_own():
    """S75."""
    assert len({kind.value for kind in Kind}) == len(Kind)
    assert all(kind.value.startswith("cf") for kind in Kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_secret_can_stand_in_urls_and_forms(kind: Kind):
    text = spell(kind, bytes(range(SECRET_BYTES))).reveal()
    assert all(c.isalnum() or c in "-_" for c in text)
    assert text.isascii()
