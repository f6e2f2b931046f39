"""Second factors of a person: an authenticator app and recovery codes (RFC 6238).

Codes by mail are none, and stand in for one.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from counterfoil.oauth.acr import KEY, MULTIPLE, PHISHING_RESISTANT, SINGLE, is_enough

FORGET_AFTER: Final = 30 * 24 * 60 * 60
"""Seconds after which wrong codes no longer count, if there were no more."""


class Factors(Struct, frozen=True):
    """What a person can show besides their password.

    ``recovery_codes`` are those that are left. ``key_since``: when the oldest of their passkeys was
    added, in seconds; ``None``: they have none. ``password``: whether they have one.
    ``mailed_since``: since when they have codes sent by mail, which is no factor; ``None``: not.
    """

    authenticator: bool = False
    recovery_codes: int = 0
    key_since: int | None = None
    password: bool = False
    mailed_since: int | None = None

    @property
    def is_on(self) -> bool:
        """Whether the password alone does not sign in: they have switched an app on.

        A passkey does not: who has one still comes in by the password where nothing demands more.
        """
        return self.authenticator

    @property
    def has_key(self) -> bool:
        """Whether there is a passkey, which is phishing-resistant, alone or after a password."""
        return self.key_since is not None

    @property
    def has_any(self) -> bool:
        """Whether there is more to show than a password; recovery codes alone are nothing."""
        return self.authenticator or self.has_key

    def has_more_than(self, amr: Sequence[str]) -> bool:
        """Whether there is something further to show than these methods."""
        return self.authenticator or (self.password if KEY in amr else self.has_key)

    @property
    def strongest(self) -> str:
        """The class of the strongest sign-in that the person can make."""
        if self.has_key:
            return PHISHING_RESISTANT
        return MULTIPLE if self.authenticator else SINGLE

    def were_shown(self, amr: Sequence[str], auth_time: int) -> bool:
        """Whether a sign-in by these methods, at that time, used what there was to show.

        A passkey that was added later was not there to be shown. One that was only touched is no
        more than a password is: whoever found the key does not know it.
        """
        if is_enough(amr, MULTIPLE):
            return True
        had_key = self.key_since is not None and self.key_since <= auth_time
        had_more = self.password if KEY in amr else had_key
        return not self.authenticator and not had_more


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

    async def choose_mailed_codes(self, user_id: str, since: int) -> bool:
        """Have codes sent by mail from now on; ``False`` where they are."""

    async def drop_mailed_codes(self, user_id: str) -> bool:
        """Have none sent any more; ``False`` where none were."""

    async def failures(self, user_id: str) -> FactorFailures: ...
    async def note_failure(self, user_id: str, locked_until: int) -> None:
        """Count one more wrong code and lock until then; a lock is never shortened."""

    async def note_success(self, user_id: str) -> None:
        """Clear the count of failures and the lock."""
