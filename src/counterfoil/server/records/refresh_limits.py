"""How long refreshing may go on as the settings say, and what a server noted of that (S26)."""

from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import astuple, replace

FOREVER: Final = 10**10
"""Seconds, added to a time: no limit."""


class RefreshLimits(Struct, frozen=True):
    """The limits of refreshing where a client's policy says nothing. In seconds.

    ``reproof`` is after how long everyone signs in anew; it counts beside a client's own (S30).
    """

    refresh_idle: int = FOREVER
    refresh_absolute: int = FOREVER
    offline_idle: int = FOREVER
    offline_absolute: int = FOREVER
    reproof: int = FOREVER

    def shortest(self, other: "RefreshLimits") -> "RefreshLimits":
        """Give the shorter of each."""
        return RefreshLimits(*map(min, astuple(self), astuple(other)))


class NotedLimits(Struct, frozen=True):
    """The limits ``in_force``, and those ``wanted`` by the server that started last.

    While refresh tokens that are out are being clipped to shorter limits, ``clipped_to`` is the id
    of the last family that was; longer ones come into force only when that is done. Then it is
    ``None``.
    """

    in_force: RefreshLimits
    wanted: RefreshLimits
    clipped_to: str | None = ""

    def with_wanted(self, wanted: RefreshLimits) -> "NotedLimits":
        """Give what stands once a server has started with these; a shorter one counts at once."""
        in_force = self.in_force.shortest(wanted)
        if in_force != self.in_force:
            return NotedLimits(in_force, wanted)
        if self.clipped_to is None:
            return NotedLimits(wanted, wanted, None)
        return replace(self, wanted=wanted)

    def clipped(self, to: str | None) -> "NotedLimits":
        """Give what stands once the families up to this one are clipped; ``None``: all of them."""
        return NotedLimits(self.wanted if to is None else self.in_force, self.wanted, to)


class LimitNotes(Protocol):
    """What the servers of this store noted of the limits of refreshing: one note."""

    async def find(self) -> NotedLimits | None:
        """Give it; ``None`` where no server has started yet."""

    async def keep(self, noted: NotedLimits) -> None:
        """Keep this one from now on."""
