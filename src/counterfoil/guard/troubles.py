"""What is wrong with one issuer at present; each change is logged once, not each failure."""

import logging
from collections.abc import Mapping
from typing import Final

logger = logging.getLogger("counterfoil.guard")

QUIET: Final = 60.0
"""Seconds in which a trouble that comes and goes is not said again."""


class Troubles:
    """The troubles of one issuer by their kinds, such as ``no keys``, and why.

    The background thread writes them; others may read.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._present: dict[str, str] = {}
        self._said_at: dict[str, float] = {}
        self._is_said: set[str] = set()

    @property
    def present(self) -> Mapping[str, str]:
        """A copy of what is wrong now: the kinds, and why."""
        return dict(self._present)

    def begin(self, kind: str, why: str, now: float) -> None:
        """Note that something is wrong; it is logged where that is news. ``why`` is no secret."""
        is_news = kind not in self._present
        self._present[kind] = why
        if is_news and now >= self._said_at.get(kind, float("-inf")) + QUIET:
            self._said_at[kind] = now
            self._is_said.add(kind)
            logger.warning("%s: %s: %s", self._url, kind, why)

    def end(self, kind: str) -> None:
        """Note that this is right again."""
        if self._present.pop(kind, None) is not None and kind in self._is_said:
            self._is_said.discard(kind)
            logger.warning("%s: %s: no longer", self._url, kind)
