"""Lists that may be long, part by part, newest first: what administrators read."""

from typing import Final, Protocol

from msgspec import Struct

END_OF_TIME: Final = 2**62


class Part(Struct, frozen=True):
    """At most ``limit`` rows that are older than ``at`` (seconds since the epoch), then ``id``.

    Rows of one second stand in the order of their ids.
    """

    limit: int
    at: int = END_OF_TIME
    id: str = ""


class Lists(Protocol):
    """The names of rows, in parts: each costs the same, however long the list is."""

    async def users(self, part: Part) -> list[str]:
        """Ids of people."""

    async def clients(self, part: Part) -> list[str]:
        """Ids of clients."""

    async def sessions(self, part: Part, user_id: str | None = None) -> list[str]:
        """Ids of those that have not been ended, of one person where they are named."""

    async def grants(
        self, part: Part, *, user_id: str | None = None, client_id: str | None = None
    ) -> list[str]:
        """Ids of live ones, of one person or client; the person counts where both are named."""

    async def families(
        self, part: Part, *, grant_id: str | None = None, session_id: str | None = None
    ) -> list[str]:
        """Ids of those not ended, of one grant or session; expired ones until they are swept."""
