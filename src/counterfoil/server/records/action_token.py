"""An action token: whoever was sent it may do one thing, once, for an hour or some days (S72)."""

from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class Action(StrEnum):
    """What a token is for. A token for one of them is nothing to the others (S75)."""

    RESET_PASSWORD = "reset_password"
    CONFIRM_EMAIL = "confirm_email"
    REGISTER = "register"
    ACCEPT_INVITATION = "accept_invitation"
    MAILED_CODE = "mailed_code"
    """No link: its digits are typed where they were asked for."""


class ActionToken(Struct, frozen=True, kw_only=True):
    """What is kept of a token: not its secret, only that secret's SHA-256.

    ``email`` is the address of the account when it was made: with another one it is worth nothing.
    ``carries`` is what its action needs to know, such as a new address. Times in seconds.
    """

    user_id: str
    action: Action
    digest: bytes
    email: str
    expires_at: int
    carries: str = ""

    def __repr__(self) -> str:
        return f"ActionToken(user_id={self.user_id!r}, action={self.action.value!r})"


class ActionTokens(Protocol):
    """Tokens that wait to be used. Of each person and action there is one at most."""

    async def put(self, token: ActionToken) -> None:
        """Keep a token; one before it, of the same person for the same action, ends."""

    async def find(self, digest: bytes, action: Action, now: int) -> ActionToken | None:
        """Look at a token that has not expired. It spends nothing."""

    async def take(self, digest: bytes, action: Action, now: int) -> ActionToken | None:
        """Spend a token that has not expired: one statement, so that only one taker gets it."""

    async def end_of(self, user_id: str) -> int:
        """End every token of a person; says how many that were."""
