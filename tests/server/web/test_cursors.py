"""Parts of lists, and their cursors."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.endpoints.api.paging import MOST, Paging, cursor_of, position_in


@given(st.integers(0, 10**14), st.from_regex(r"\S{1,100}", fullmatch=True))
def test_a_cursor_is_read_as_it_was_spelled(at: int, name: str) -> None:
    assert position_in(cursor_of(at, name)) == (at, name)


@given(st.text(max_size=200))
def test_what_was_made_up_is_refused_or_harmless(text: str) -> None:
    with suppress(OAuthError):
        at, name = position_in(text)
        assert 0 <= at < 10**15
        assert name


def test_a_part_is_cut_where_there_is_more() -> None:
    paging = Paging(limit=2)
    assert paging.part.limit == 3, "one more, to know whether there is"
    assert paging.cut([3, 2, 1], lambda each: (each, "x")) == ((3, 2), cursor_of(2, "x"))
    assert paging.cut([3, 2], lambda each: (each, "x")) == ((3, 2), None)
    assert paging.cut([], lambda each: (each, "x")) == ((), None)


def test_no_part_is_large() -> None:
    assert MOST == 200


@pytest.mark.parametrize("cursor", ["!", "a", "MSA", "YQ", "LTEgeA"])
def test_another_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(OAuthError, match="cursor"):
        position_in(cursor)
