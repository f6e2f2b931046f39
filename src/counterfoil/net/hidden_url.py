"""A URL that may hold a password, and does not show it. No I/O."""

from typing import Final

HIDDEN: Final = "…"
"""What stands in the place of a secret."""


class HiddenUrl:
    """Two are equal where all of them is. Who inherits checks it, and says what ``str`` shows."""

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self._url == other._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __str__(self) -> str:
        return HIDDEN
