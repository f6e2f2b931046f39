"""Cursors: where the part of a long list ended that was shown, so that the next begins there."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from counterfoil.oauth.errors import invalid_request
from counterfoil.server.records.listing import Part

T = TypeVar("T")
_SHAPE: Final = re.compile(r"([0-9]{1,15}) (\S{1,512})")


def part_after(cursor: str, shown: int) -> Part:
    """Give the part to read: one more row than is shown, to know whether there is one.

    Raises:
        OAuthError: ``invalid_request``: the cursor is none of ours.
    """
    return Part(shown + 1, *position_in(cursor)) if cursor else Part(shown + 1)


def cut(
    rows: Sequence[T], shown: int, position: Callable[[T], tuple[int, str]]
) -> tuple[tuple[T, ...], str | None]:
    """Give the rows that are shown, and the cursor after them where there are more."""
    part = tuple(rows[:shown])
    return part, cursor_of(*position(part[-1])) if len(rows) > shown else None


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
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise invalid_request("The parameter cursor is not one that this server gave.")
    return int(match[1]), match[2]
