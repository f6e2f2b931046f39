"""What a list is asked for."""

import msgspec
import pytest

from counterfoil.server.endpoints.api.paging import MOST, USUAL, Paging
from counterfoil.server.web.cursors import cursor_of


def test_a_list_is_read_one_row_further_than_it_is_shown() -> None:
    assert Paging().part.limit == USUAL + 1
    paging = Paging(limit=2, cursor=cursor_of(7, "x"))
    assert (paging.part.limit, paging.part.at, paging.part.id) == (3, 7, "x")
    assert paging.cut([3, 2, 1], lambda each: (each, "y")) == ((3, 2), cursor_of(2, "y"))


@pytest.mark.parametrize(
    "asked", [{"limit": "0"}, {"limit": str(MOST + 1)}, {"cursor": "x" * 1025}]
)
def test_no_part_is_large(asked: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(asked, Paging, strict=False)
