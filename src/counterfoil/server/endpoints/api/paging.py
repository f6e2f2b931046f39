"""Lists in parts: how many, from where, and the cursor that goes on from there."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeVar

from msgspec import Meta

from counterfoil.oauth.errors import invalid_request
from counterfoil.server.endpoints.api.operation import Asked
from counterfoil.server.records.listing import Part

T = TypeVar("T")
USUAL: Final = 50
MOST: Final = 200
_CURSOR: Final = re.compile(r"([0-9]{1,15}) (\S{1,512})")
Cursor = Annotated[str, Meta(max_length=1024, description="The `next` of the part before.")]
Limit = Annotated[int, Meta(ge=1, le=MOST, description="How many at most.")]
Name = Annotated[str, Meta(max_length=512)]


class Paging(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which part of a list, newest first. One more than is shown is read, to know if there is."""

    limit: Limit = USUAL
    cursor: Cursor = ""

    @property
    def part(self) -> Part:
        """The part of the list, and one row beyond.

        Raises:
            OAuthError: ``invalid_request``: the cursor is none of ours.
        """
        if not self.cursor:
            return Part(self.limit + 1)
        at, name = position_in(self.cursor)
        return Part(self.limit + 1, at, name)

    def cut(
        self, rows: Sequence[T], position: Callable[[T], tuple[int, str]]
    ) -> tuple[tuple[T, ...], str | None]:
        """Give the rows that are shown, and the cursor after them where there are more."""
        shown = tuple(rows[: self.limit])
        return shown, cursor_of(*position(shown[-1])) if len(rows) > self.limit else None


def cursor_of(at: int, name: str) -> str:
    """Spell a cursor. It holds no secret: whoever makes one up begins elsewhere, no more."""
    return urlsafe_b64encode(f"{at} {name}".encode()).rstrip(b"=").decode("ascii")


def position_in(cursor: str) -> tuple[int, str]:
    """Read a cursor.

    Raises:
        OAuthError: ``invalid_request``: it is none of ours.
    """
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        text = ""
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise invalid_request("The parameter cursor is not one that this server gave.")
    return int(match[1]), match[2]
