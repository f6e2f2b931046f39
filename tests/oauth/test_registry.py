"""The words of the registry."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.registry import Entry, digest_of, entries_in, spelled


@given(st.lists(st.builds(Entry, st.binary(min_size=32, max_size=32), st.integers(0, 2**40))))
def test_entries_come_back_as_they_went(entries: list[Entry]):
    assert entries_in(spelled(entries).decode()) == entries


def test_the_signature_is_no_part_of_the_digest():
    assert digest_of("a.b.c") == digest_of("a.b.d") != digest_of("a.c.c")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[["x",1]]', '[["AA==","x"]]', "[[]]"])
def test_what_holds_no_entries_is_refused(text: str):
    with pytest.raises(msgspec.MsgspecError):
        entries_in(text)


def test_any_text_has_a_digest():
    assert len({digest_of(text) for text in ("", ".", "a.", "\ud800.", "é.")}) == 4
