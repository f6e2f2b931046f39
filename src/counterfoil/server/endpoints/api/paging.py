"""What a list is asked for: how many, from where, of what."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeVar

from msgspec import Meta

from counterfoil.server.endpoints.api.operation import Asked
from counterfoil.server.records.listing import Part
from counterfoil.server.web.cursors import cut, part_after

T = TypeVar("T")
USUAL: Final = 50
MOST: Final = 200
Cursor = Annotated[str, Meta(max_length=1024, description="The `next` of the part before.")]
Limit = Annotated[int, Meta(ge=1, le=MOST, description="How many at most.")]
Name = Annotated[str, Meta(max_length=512)]


class Paging(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which part of a list, newest first."""

    limit: Limit = USUAL
    cursor: Cursor = ""

    @property
    def part(self) -> Part:
        """The part of the list to read.

        Raises:
            OAuthError: ``invalid_request``: the cursor is none of ours.
        """
        return part_after(self.cursor, self.limit)

    def cut(
        self, rows: Sequence[T], position: Callable[[T], tuple[int, str]]
    ) -> tuple[tuple[T, ...], str | None]:
        """Give the rows that are shown, and the cursor after them where there are more."""
        return cut(rows, self.limit, position)
