"""Events: a closed list of words, and values that cannot change."""

import re

import pytest

from counterfoil.server.records.event import Event, EventKind


def test_the_words_are_plain_and_stable():
    """S111: tools match on them."""
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.value) for kind in EventKind)
    assert all(kind.value == kind.name.lower() for kind in EventKind)


def test_an_event_is_never_changed():
    """S111: it is appended, and stands."""
    event = Event(kind=EventKind.SIGNED_IN, at=1, actor="user:u", subject="s")
    with pytest.raises(AttributeError):
        event.actor = "user:other"
