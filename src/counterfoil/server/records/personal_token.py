"""A token that a person has made by hand, for a program of theirs: one API, some scopes, an end."""

from typing import Final, Protocol

from msgspec import Struct

SHOWN_AFTER_END: Final = 30 * 24 * 60 * 60
"""Seconds for which a person still sees a token that has ended, and why."""


class PersonalToken(Struct, frozen=True, kw_only=True):
    """One token. ``id`` is its ``jti``, ``digest`` the SHA-256 of its text. Times in seconds.

    ``networks``: it is good from these alone; empty: from anywhere. ``auth_time``: when the person
    signed in who made it; ``None`` where an administrator did. ``found_at``: where it was reported
    as found, in the words of a stranger.
    """

    id: str
    digest: bytes
    user_id: str
    name: str
    audience: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int
    networks: tuple[str, ...] = ()
    auth_time: int | None = None
    last_used_at: int | None = None
    last_used_from: str = ""
    ended_at: int | None = None
    ended_why: str = ""
    found_at: str = ""

    def is_live(self, now: int) -> bool:
        """Whether it has neither ended nor expired."""
        return self.ended_at is None and now < self.expires_at

    def __repr__(self) -> str:
        return f"PersonalToken(id={self.id!r}, user_id={self.user_id!r})"


class Use(Struct, frozen=True):
    """A use of a token: when, and from which address; empty where that is not known."""

    at: int
    address: str = ""


class TokenEnd(Struct, frozen=True):
    """That a token has ended: when and why; and where it was found, if that was the reason."""

    at: int
    why: str
    found_at: str = ""


class PersonalTokens(Protocol):
    """Personal tokens. One that has ended never comes back."""

    async def add(self, token: PersonalToken) -> None:
        """Add; raises ``Conflict`` where the id or the digest is taken."""

    async def find(self, digest: bytes) -> PersonalToken | None:
        """Look up by the digest of its text."""

    async def find_by_id(self, token_id: str) -> PersonalToken | None:
        """Look up by its ``jti``."""

    async def of_user(self, user_id: str) -> list[PersonalToken]:
        """All of a person that are still kept, ended ones too, the newest first."""

    async def end(self, token_id: str, ended: TokenEnd) -> bool:
        """End; ``False`` where it was ended already, or never was."""

    async def end_of_api(self, audience: str, ended: TokenEnd) -> int:
        """End all for an API, in one statement; says how many."""

    async def note_use(self, token_id: str, use: Use) -> bool:
        """Write down a use, unless a later one is known; says whether it was the first."""
