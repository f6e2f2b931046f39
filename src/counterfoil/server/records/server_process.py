"""The server processes at one store: what each knows of the schema, and what the schema demands."""

from typing import Final, Protocol

from msgspec import Struct

LIVES: Final = 60
"""Seconds after which a process that says nothing any more counts as gone."""


class ServerProcess(Struct, frozen=True):
    """One that serves. ``id`` is its own for as long as it runs, ``place`` is for people.

    ``knows`` is the number of the newest migration that it was shipped with; it counts as running
    ``until`` then, in seconds since the epoch.
    """

    id: str
    version: str
    knows: int
    place: str
    until: int = 0


class Demand(Struct, frozen=True):
    """What a contract demands: after it, only servers that know the migration ``needs`` serve.

    ``number`` is the contract's own; ``version`` is the first that knows what is needed.
    """

    number: int
    needs: int
    version: str

    def sentence(self, knows: int) -> str:
        """Say to a server that knows less what it needs."""
        return (
            f"the database needs Counterfoil {self.version} or newer: what this version uses is "
            f"taken away there (migration {self.needs:04} must be known, and {knows:04} is the "
            "newest that is)"
        )


class Servers(Protocol):
    """Who serves, and who may."""

    async def stay(self, process: ServerProcess) -> Demand | None:
        """Note that a process serves; gives the greatest demand that was announced."""

    async def leave(self, process_id: str) -> None:
        """Note that it serves no more."""

    async def every(self) -> list[ServerProcess]:
        """All that count as running, the oldest schema first."""

    async def demanded(self) -> Demand | None:
        """The greatest demand that was announced."""

    async def announce(self, demand: Demand) -> None:
        """Demand from now on. Whoever does not meet it finds it, and ends."""
