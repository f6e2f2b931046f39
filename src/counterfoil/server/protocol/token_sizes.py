"""Which tokens were too long: the longest of each client at each API, in memory (S66)."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

_MOST: Final = 10_000


class TooLong(Struct, frozen=True):
    """The longest token of a client at an API, in bytes, and when it was made, in seconds."""

    client_id: str
    bytes: int
    at: int


class TokenSizes:
    """What this process has seen since it started. Only tokens beyond their budget come here."""

    def __init__(self) -> None:
        self._longest: dict[tuple[str, str], TooLong] = {}

    def note(self, uri: str, seen: TooLong) -> bool:
        """Note a token of an API; say whether it is the first of its client there."""
        place = uri, seen.client_id
        known = self._longest.get(place)
        if known is None and len(self._longest) >= _MOST:
            del self._longest[next(iter(self._longest))]
        if known is None or seen.bytes >= known.bytes:
            self._longest[place] = seen
        return known is None

    def of_api(self, uri: str) -> Sequence[TooLong]:
        """Give the longest token of each client at an API, the longest of all first."""
        found = [seen for (at, _), seen in self._longest.items() if at == uri]
        return sorted(found, key=lambda seen: seen.bytes, reverse=True)
