"""The guards that follow the notices, as each server process tells of its own.

Only while somebody waits for a receipt does this say who has acknowledged what.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from msgspec import Struct

from counterfoil.oauth.feed import Position

LIVES: Final = 40
"""Seconds after which a process that says nothing any more counts as gone.

It is longer than guards usually go on without word from the issuer: by then they are stale.
"""
LONGEST_MISSED: Final = 3600
"""Seconds for which a lost guard is noted at most, whatever it says of its own patience."""


class GuardLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One guard on its line. Times in seconds since the epoch.

    ``client_id``: what its credentials proved; empty for an anonymous one. ``acknowledged``: up to
    which number it has said that it holds the notices; -1: nothing yet. ``then`` is what it does
    when it hears nothing more; it does so at ``bites_at`` at the latest, for no head that it has
    been told makes it fresh for longer.
    """

    client_id: str = ""
    address: str = ""
    acknowledged: int = -1
    then: str = "reject"
    bites_at: float | None = None


class Following(Struct, frozen=True, kw_only=True):
    """The guards of one process.

    ``asked`` is up to where they were asked to acknowledge; every one has acknowledged
    ``reached``, in the epoch of ``asked``. ``others`` follow without saying that they are guards,
    and are never asked. ``behind`` are some of those below ``asked``, ``behind_in_all`` how many.
    """

    process: str
    asked: Position
    reached: int
    known: int = 0
    anonymous: int = 0
    others: int = 0
    behind: tuple[GuardLine, ...] = ()
    behind_in_all: int = 0


class Most(Struct, frozen=True):
    """How many lost guards are noted, so that those who come and go cannot fill the store.

    ``in_all`` is of each client that they have proved to be, and of all anonymous ones together;
    ``of_address`` is of anonymous ones.
    """

    of_address: int
    in_all: int


class LostGuard(Struct, frozen=True):
    """A guard whose line broke, and that has not come back. ``name`` is its own, drawn at random.

    Until ``line.bites_at`` it decides on what it knew.
    """

    name: str
    line: GuardLine


class Said(Struct, frozen=True):
    """What a guard has said: all notices up to ``number`` count there, or that it stops.

    ``follower`` names the line for which it said so.
    """

    follower: str
    number: int
    leaves: bool


class Guards(Protocol):
    """What processes tell of their guards, and who waits for it. Rows live for seconds."""

    async def tell(self, following: Following) -> None:
        """Say how it stands with the guards of a process, in place of what it said before."""

    async def withdraw(self, process: str) -> None:
        """Say that a process has no guards any more."""

    async def every(self) -> list[Following]:
        """What living processes have said."""

    async def ask(self, wait: str, position: Position, until: int) -> None:
        """Note that somebody waits, until a time, for all guards to have reached a position."""

    async def cease(self, wait: str) -> None:
        """Note that it waits no longer."""

    async def asked(self, epoch: str) -> int | None:
        """The greatest number of an epoch that anyone waits for at present."""

    async def leave_word(self, process: str, said: Said) -> None:
        """Leave what a guard has said for the process that holds its line, if it has any."""

    async def has_words(self, process: str) -> bool:
        """Whether anything was left for a process."""

    async def take_words(self, process: str) -> list[Said]:
        """Take what was left for a process: one statement, so that nothing is passed over."""

    async def lose(self, guards: Iterable[LostGuard], most: Most) -> None:
        """Note guards whose lines broke: of a client, and of anonymous ones, so many."""

    async def lost(self) -> list[LostGuard]:
        """Those that still decide on what they knew."""

    async def found(self, names: Iterable[str]) -> None:
        """Note that guards have come back."""
