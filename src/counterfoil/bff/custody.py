"""Custody of tokens: for each session of a browser a holder in the client's cache, by its key."""

import asyncio
import logging
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

from counterfoil.bff.asgi import TurnedAway
from counterfoil.bff.sessions import USES_APART, Limits, Session, Sessions
from counterfoil.client import (
    AsyncClient,
    AsyncHolder,
    CacheUnusable,
    HttpFailure,
    Outside,
    Refused,
    SignInNeeded,
    Tokens,
)
from counterfoil.oauth.logout_token import SKEW, Ended

logger = logging.getLogger("counterfoil.bff")
ID_BYTES: Final = 32
MOST_AT_ONCE: Final = 32
"""Requests of one person that are under way at once: far fewer than there are connections."""
_MOST_HOLDERS: Final = 10_000
_SWEEPS_APART: Final = 60
_OPEN: Final = "openid"
_UNREACHABLE: Final = "The sign-in server cannot be reached: try again in a moment."
_UNAVAILABLE: Final = "There is no token for this API: the app's operator finds why in the log."


class Custody:
    """Opens, finds and ends sessions, and gives the tokens that stand behind them.

    ``resource`` is the API that a sign-in gives tokens for, where it is named.
    """

    def __init__(
        self,
        client: AsyncClient,
        resource: str,
        sessions: Sessions,
        limits: Limits,
        outside: Outside,
    ) -> None:
        self.sessions = sessions
        self._client = client
        self._resource = resource
        self._limits = limits
        self._outside = outside
        self._holders: OrderedDict[str, AsyncHolder] = OrderedDict()
        self._under_way: dict[str, int] = {}
        self._endings: set[asyncio.Task[bool]] = set()
        self._next_sweep = 0.0

    async def open(self, tokens: Tokens, before: str) -> str:
        """Open a session for tokens of a sign-in, under a new id, which is given.

        ``before`` is the key of the session that it replaces: that one ends.
        """
        identifier = urlsafe_b64encode(self._outside.random(ID_BYTES)).rstrip(b"=").decode()
        now = int(self._outside.clock())
        session = _session_of(key_of(identifier), tokens, now)
        await self._holder(session.key).take(tokens)
        for key in await self.sessions.add(session):
            self._give_back_later(key)
        if before and await self.sessions.remove(before):
            self._give_back_later(before)
        await self._sweep(now)
        return identifier

    async def find(self, unverified: str) -> Session | None:
        """Give the session of an id; one that is over is ended."""
        if not unverified:
            return None
        session = await self.sessions.find(key_of(unverified))
        if session is None:
            return None
        now = self._outside.clock()
        if self._limits.is_over(session, now):
            await self._drop(session.key)
            return None
        if now >= session.used_at + USES_APART:
            await self.sessions.use(session.key, int(now))
        return session

    async def tokens(self, session: Session, resource: str = "", refused: str = "") -> Tokens:
        """Give good tokens of a session.

        Raises:
            SignInNeeded: the server has ended them; so is the session now.
            TurnedAway: there are none at present, but the session stands.
        """
        try:
            return await self._holder(session.key).tokens(resource, refused)
        except SignInNeeded:
            await self._drop(session.key)
            raise
        except HttpFailure as failure:
            logger.warning("tokens cannot be renewed: %s", failure)
            raise TurnedAway(503, "server_unreachable", _UNREACHABLE) from None
        except (Refused, CacheUnusable) as failure:
            logger.warning("tokens cannot be renewed: %r", failure)
            raise TurnedAway(502, "token_unavailable", _UNAVAILABLE) from None

    async def end(self, key: str) -> bool:
        """End a session and give its tokens back; whether the server has heard of it."""
        await self.sessions.remove(key)
        return await asyncio.shield(self._give_back_later(key))

    async def end_told(self, ended: Ended) -> None:
        """End what the server has ended; of a person, what had begun when it said so."""
        for session in await self.sessions.told_of(ended.sub, ended.sid):
            if ended.sid or session.began_at <= ended.issued_at + SKEW:
                await self._drop(session.key)

    @contextmanager
    def under_way(self, session: Session) -> Iterator[None]:
        """Count a request of a person.

        Raises:
            TurnedAway: there are too many already.
        """
        who = session.subject
        count = self._under_way.get(who, 0)
        if count >= MOST_AT_ONCE:
            raise TurnedAway(429, "too_many_at_once", "Wait until earlier requests are answered.")
        self._under_way[who] = count + 1
        try:
            yield
        finally:
            self._under_way[who] -= 1
            if not self._under_way[who]:
                del self._under_way[who]

    async def aclose(self) -> None:
        """Wait for the endings that are under way."""
        await asyncio.gather(*self._endings, return_exceptions=True)

    def _holder(self, key: str) -> AsyncHolder:
        """Give the holder of a session: one for all its requests, so that one of them refreshes."""
        holder = self._holders.get(key)
        if holder is None:
            holder = self._client.holder(_OPEN, resource=self._resource, subject=key)
            self._holders[key] = holder
            if len(self._holders) > _MOST_HOLDERS:
                self._holders.popitem(last=False)
        self._holders.move_to_end(key)
        return holder

    async def _give_back(self, key: str) -> bool:
        try:
            await self._holder(key).end()
        except (HttpFailure, Refused, CacheUnusable) as failure:
            logger.warning("a session ended here, but its tokens may live on: %s", failure)
            return False
        finally:
            self._holders.pop(key, None)
        return True

    def _give_back_later(self, key: str) -> asyncio.Task[bool]:
        """Give tokens back while whoever is here goes on, or goes away."""
        ending = asyncio.create_task(self._give_back(key))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        return ending

    async def _drop(self, key: str) -> None:
        if await self.sessions.remove(key):
            self._give_back_later(key)

    async def _sweep(self, now: float) -> None:
        if now < self._next_sweep:
            return
        self._next_sweep = now + _SWEEPS_APART
        for key in await self.sessions.overdue(self._limits, now):
            await self._drop(key)


def key_of(identifier: str) -> str:
    """Give the key under which a session is kept: who reads the store has no id."""
    return sha256(identifier.encode()).hexdigest()


def _session_of(key: str, tokens: Tokens, now: int) -> Session:
    identity = tokens.identity
    if identity is None:
        raise ValueError("a session needs an identity: ask for the scope openid")
    return Session(
        key=key,
        subject=identity.subject,
        began_at=now,
        used_at=now,
        name=identity.name,
        email=identity.email,
        sid=str(identity.claims.get("sid", "")),
    )
