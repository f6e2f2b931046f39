"""Sessions of browsers: what is kept of each, for how long, and what a store of them promises."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from msgspec import Struct

USES_APART: Final = 60
"""Seconds: uses that follow closer are not written down."""
_AT_ONCE: Final = 100


class Session(Struct, frozen=True, kw_only=True):
    """One signed-in browser. ``key`` is the SHA-256 of the id that its cookie holds.

    No token is in it: tokens are in the client's cache, under the key. Times in seconds since the
    epoch.
    """

    key: str
    subject: str
    began_at: int
    used_at: int
    name: str | None = None
    email: str | None = None
    sid: str = ""
    """The session at the server in which this one began."""


class Limits(Struct, frozen=True):
    """Seconds for which a session may lie idle, and may last at all."""

    idle: int = 8 * 60 * 60
    absolute: int = 7 * 24 * 60 * 60

    def is_over(self, session: Session, now: float) -> bool:
        """Whether a session has come to its end."""
        return now >= min(session.used_at + self.idle, session.began_at + self.absolute)


class Sessions(Protocol):
    """A store of sessions. Whoever has several processes gives one that they share."""

    async def add(self, session: Session) -> Sequence[str]:
        """Keep one; give the keys of those that had to go for it."""

    async def find(self, key: str) -> Session | None:
        """Give one, if it is there."""

    async def use(self, key: str, now: int) -> None:
        """Note when it was used, if it is there."""

    async def remove(self, key: str) -> bool:
        """Forget one; of several who do so at once, one is told that it was there."""

    async def overdue(self, limits: Limits, now: float) -> Sequence[str]:
        """Give the keys of some that are over."""

    async def told_of(self, subject: str, sid: str) -> Sequence[Session]:
        """Give those of a person, of a session at the server, or of both; one may be empty."""

    async def take(self, attempt: str, until: int) -> bool:
        """Spend a sign-in that is good until then; whether nobody did before."""


class MemorySessions:
    """Keeps sessions as long as it lives: for one process.

    ``most`` in all, and ``most_each`` of one person: nobody's flood puts out the others.
    """

    def __init__(self, most: int = 10_000, most_each: int = 20) -> None:
        self._most = most
        self._most_each = most_each
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._of: dict[str, list[str]] = {}
        self._taken: OrderedDict[str, int] = OrderedDict()

    async def add(self, session: Session) -> Sequence[str]:
        """Keep one; the person's oldest goes, or else the one that was used longest ago."""
        self._sessions[session.key] = session
        own = self._of.setdefault(session.subject, [])
        own.append(session.key)
        if len(own) > self._most_each:
            gone = own[0]
        elif len(self._sessions) > self._most:
            gone = next(iter(self._sessions))
        else:
            return ()
        self._forget(gone)
        return (gone,)

    async def find(self, key: str) -> Session | None:
        """Give one, if it is there."""
        return self._sessions.get(key)

    async def use(self, key: str, now: int) -> None:
        """Note when it was used."""
        found = self._sessions.get(key)
        if found is not None:
            self._sessions[key] = msgspec.structs.replace(found, used_at=now)
            self._sessions.move_to_end(key)

    async def remove(self, key: str) -> bool:
        """Forget one."""
        return self._forget(key)

    async def overdue(self, limits: Limits, now: float) -> Sequence[str]:
        """Give the keys of some that are over."""
        over = [key for key, each in self._sessions.items() if limits.is_over(each, now)]
        return over[:_AT_ONCE]

    async def told_of(self, subject: str, sid: str) -> Sequence[Session]:
        """Give those of a person, of a session at the server, or of both."""
        own = self._of.get(subject, []) if subject else list(self._sessions)
        found = (self._sessions[key] for key in own)
        return [each for each in found if not sid or each.sid == sid]

    async def take(self, attempt: str, until: int) -> bool:
        """Spend a sign-in. Where too many are known the oldest goes: its code is spent anyway."""
        if attempt in self._taken:
            return False
        self._taken[attempt] = until
        if len(self._taken) > self._most:
            self._taken.popitem(last=False)
        return True

    def _forget(self, key: str) -> bool:
        session = self._sessions.pop(key, None)
        if session is None:
            return False
        own = self._of[session.subject]
        own.remove(key)
        if not own:
            del self._of[session.subject]
        return True

    def __repr__(self) -> str:
        return f"MemorySessions({len(self._sessions)} sessions)"
