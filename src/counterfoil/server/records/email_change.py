"""An address that an account had before, for as long as its owner may take the account back."""

from typing import Protocol

from msgspec import Struct


class EmailChange(Struct, frozen=True, kw_only=True):
    """What is kept of a link that undoes a change: not its secret, only that secret's SHA-256.

    ``email`` is the address from before. Times in seconds.
    """

    user_id: str
    digest: bytes
    email: str
    changed_at: int
    expires_at: int

    def __repr__(self) -> str:
        return f"EmailChange(user_id={self.user_id!r})"


class EmailChanges(Protocol):
    """Changes that can be undone. Of each person there may be several, one after the other."""

    async def add(self, change: EmailChange) -> None: ...
    async def find(self, digest: bytes, now: int) -> EmailChange | None:
        """Look at one that has not expired. It spends nothing."""

    async def take(self, digest: bytes, now: int) -> EmailChange | None:
        """Spend one that has not expired: one statement, so that only one taker gets it."""

    async def of_user(self, user_id: str) -> list[EmailChange]:
        """All of a person that are still kept, the oldest first."""

    async def forget_since(self, user_id: str, changed_at: int) -> int:
        """Forget those of a person that were made then or later; says how many."""
