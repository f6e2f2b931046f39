"""Second factors of a person: an authenticator app and recovery codes (RFC 6238)."""

from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from counterfoil.oauth.acr import MULTIPLE, PHISHING_RESISTANT, SINGLE

FORGET_AFTER: Final = 30 * 24 * 60 * 60
"""Seconds after which wrong codes no longer count, if there were no more."""


class Factors(Struct, frozen=True):
    """What a person can show besides their password: what is switched on.

    ``recovery_codes`` are those that are left. ``key``: a passkey, which is more than one factor.
    """

    authenticator: bool = False
    recovery_codes: int = 0
    key: bool = False

    @property
    def is_on(self) -> bool:
        """Whether the password alone does not sign in: recovery codes alone are none."""
        return self.authenticator or self.key

    @property
    def strongest(self) -> str:
        """The class of the strongest sign-in that the person can make."""
        if self.key:
            return PHISHING_RESISTANT
        return MULTIPLE if self.is_on else SINGLE


NO_FACTORS: Final = Factors()


class Authenticator(Struct, frozen=True, kw_only=True):
    """An authenticator app, with its secret sealed. ``last_step`` is that of the last code."""

    user_id: str
    sealed: bytes
    added_at: int
    last_step: int

    def __repr__(self) -> str:
        return f"Authenticator(user_id={self.user_id!r})"


class FactorFailures(Struct, frozen=True):
    """Wrong codes since the last right one, and until when no more are looked at."""

    failures: int = 0
    locked_until: int = 0


class SecondFactors(Protocol):
    """Second factors, by person. Recovery codes are kept by digests."""

    async def of_user(self, user_id: str) -> Factors: ...
    async def add_authenticator(self, authenticator: Authenticator) -> bool:
        """Add in one statement; ``False`` where there is one already."""

    async def authenticator(self, user_id: str) -> Authenticator | None: ...
    async def spend_step(self, user_id: str, step: int) -> bool:
        """Use a step up in one statement; ``False`` where it, or a later one, was used before."""

    async def put_recovery_codes(self, user_id: str, digests: Sequence[bytes]) -> None:
        """Keep these codes in place of all before them."""

    async def take_recovery_code(self, user_id: str, digest: bytes) -> bool:
        """Use a code up in one statement; ``False`` where there is no such one."""

    async def remove(self, user_id: str) -> bool:
        """Take all away, and forget the failures; ``False`` where there was no authenticator."""

    async def failures(self, user_id: str) -> FactorFailures: ...
    async def note_failure(self, user_id: str, locked_until: int) -> None:
        """Count one more wrong code and lock until then; a lock is never shortened."""

    async def note_success(self, user_id: str) -> None:
        """Clear the count of failures and the lock."""
