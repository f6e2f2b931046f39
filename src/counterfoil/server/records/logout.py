"""A client that is told that a session has ended, and the queue in which that waits.

(OpenID Connect Back-Channel Logout 1.0.) Each client has a line of its own.
"""

from typing import Protocol

from msgspec import Struct


class Logout(Struct, frozen=True, kw_only=True):
    """What a client is to be told: a session of a person has ended, or all of theirs there.

    ``sub`` names the person; ``session_id`` is empty where all are meant. After ``expires_at``, in
    seconds, it is given up.
    """

    id: str
    client_id: str
    sub: str
    session_id: str
    expires_at: int


class Line(Struct, frozen=True):
    """The line of a client that was taken: how often in a row it could not be reached."""

    client_id: str
    failures: int


class Logouts(Protocol):
    """What clients are to be told, one line for each of them."""

    async def put(self, logout: Logout, due_at: int) -> None:
        """Have a client told; where others wait in its line, it is told after them."""

    async def is_due(self, now: int) -> bool:
        """Whether any line is to be served."""

    async def take_line(self, now: int, until: int) -> Line | None:
        """Take the line that has been due for the longest, in one statement.

        Nobody else has it until ``until``.
        """

    async def in_line(self, client_id: str, limit: int) -> list[Logout]:
        """The first that wait in a line."""

    async def remove(self, logout_id: str) -> None:
        """Forget one: the client was told, or never will be."""

    async def postpone(self, line: Line, due_at: int) -> None:
        """Have a line served again at that time, after so many failures."""

    async def leave(self, client_id: str, due_at: int) -> None:
        """Let go of a line that was served; one in which somebody waits is due at that time."""
