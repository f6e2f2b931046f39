"""Cursors: where a part of a list ended."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.records.listing import Part
from counterfoil.server.web.cursors import cursor_of, cut, part_after, position_in


@given(st.integers(0, 10**14), st.from_regex(r"\S{1,100}", fullmatch=True))
def test_a_cursor_is_read_as_it_was_spelled(at: int, name: str) -> None:
    assert position_in(cursor_of(at, name)) == (at, name)
    assert part_after(cursor_of(at, name), 5) == Part(6, at, name)


@given(st.text(max_size=200))
def test_what_was_made_up_is_refused_or_harmless(text: str) -> None:
    with suppress(OAuthError):
        at, name = position_in(text)
        assert 0 <= at < 10**15
        assert name


@pytest.mark.parametrize("cursor", ["!", "a", "MSA", "YQ", "LTEgeA"])
def test_another_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(OAuthError, match="cursor"):
        position_in(cursor)


def test_a_part_is_cut_where_there_is_more() -> None:
    """One more than is shown is read, to know whether there is."""
    assert part_after("", 2).limit == 3
    assert cut([3, 2, 1], 2, lambda each: (each, "x")) == ((3, 2), cursor_of(2, "x"))
    assert cut([3, 2], 2, lambda each: (each, "x")) == ((3, 2), None)
    assert cut([], 2, lambda each: (each, "x")) == ((), None)
