"""What a database does that begins anew, because it cannot know what has happened since it stood.

A backup that is restored is one; so is a database that was left for its copy, and is used again.
"""

from typing import Protocol

from msgspec import Struct


class Begun(Struct, frozen=True):
    """How much ended that stood."""

    sessions: int
    grants: int
    families: int
    codes: int
    personal_tokens: int = 0


class Beginnings(Protocol):
    """Each is one statement for each kind of record, however many there are of them."""

    async def begin_epoch(self, epoch: str) -> None:
        """Let the feed go on in a new epoch; its notices stay, and whoever follows begins anew."""

    async def end_everything(self, at: int, why: str) -> Begun:
        """End every session, grant, family, code and personal token, and forget every browser.

        No status list is filled any more.
        """

    async def raise_generations(self, to: int) -> int:
        """Raise those of every client, API and of userinfo above ``to``; gives the greatest."""
