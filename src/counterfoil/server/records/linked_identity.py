"""Whom a provider knows, as a person here: the subject of an issuer, never an e-mail (S112)."""

from typing import Protocol

from msgspec import Struct


class LinkedIdentity(Struct, frozen=True, kw_only=True):
    """Somebody at a provider who is somebody here. Times in seconds.

    ``issuer`` and ``subject`` name them for good (OpenID Connect Core §2); ``label`` is what people
    know it by. ``sealed_tokens``: what the provider gave us for them, where that is kept.
    """

    id: str
    provider_id: str
    issuer: str
    subject: str
    user_id: str
    label: str
    linked_at: int
    last_used_at: int
    sealed_tokens: bytes | None = None

    def __repr__(self) -> str:
        return f"LinkedIdentity(id={self.id!r}, provider_id={self.provider_id!r})"


class UpstreamSession(Struct, frozen=True):
    """A session here that was begun at a provider; ``sid`` is its name there, or empty."""

    session_id: str
    identity_id: str
    sid: str
    expires_at: int


class LinkedIdentities(Protocol):
    """Whom providers know. A subject of an issuer is one person's alone."""

    async def add(self, identity: LinkedIdentity) -> None:
        """Add; raises ``Conflict`` where the subject is linked already."""

    async def find(self, identity_id: str) -> LinkedIdentity | None: ...
    async def find_by_subject(
        self, provider_id: str, issuer: str, subject: str
    ) -> LinkedIdentity | None: ...
    async def of_user(self, user_id: str) -> list[LinkedIdentity]:
        """All of a person, the oldest first."""

    async def count_of(self, provider_id: str) -> int:
        """How many are linked by a provider."""

    async def use(self, identity_id: str, label: str, at: int) -> bool:
        """Note a sign-in; ``False`` where it is linked no more."""

    async def keep_tokens(self, identity_id: str, before: bytes | None, sealed: bytes) -> bool:
        """Keep tokens in place of ``before``, in one statement; ``False``: others stand there."""

    async def begin_refresh(self, identity_id: str, before: bytes, until: int) -> bool:
        """Say that ``before`` are being refreshed, in one statement, until new ones are kept.

        ``False``: others stand there, or somebody is at it, and has time until theirs.
        """

    async def leave_refresh(self, identity_id: str, before: bytes) -> None:
        """Say that ``before`` are not being refreshed any more."""

    async def forget_tokens(self, provider_id: str) -> int:
        """Keep no tokens of a provider any more; says of how many identities."""

    async def forget_tokens_of(self, identity_id: str, before: bytes) -> bool:
        """Keep no tokens of one any more, in one statement; ``False``: others stand there."""

    async def remove(self, identity_id: str) -> bool:
        """Unlink; ``False`` where it was unlinked already."""

    async def note_session(self, session: UpstreamSession) -> None:
        """Say that a session was begun so; what was said of it before counts no more."""

    async def session(self, session_id: str) -> UpstreamSession | None: ...
    async def sessions_of(self, identity_id: str) -> list[UpstreamSession]:
        """All that were begun by an identity and have not expired."""

    async def sessions_named(
        self, provider_id: str, issuer: str, sid: str
    ) -> list[UpstreamSession]:
        """All that have a name at an issuer and have not expired."""
