"""Carries logout tokens to clients (OpenID Connect Back-Channel Logout 1.0 §2.5, §2.8).

Each client has a line of its own, which one process serves at a time: a client that hangs holds up
nobody else. What was taken is told, and then forgotten: at least once, and never lost before its
time. A client to whom the same is told twice has nothing left to end.
"""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.net.http import HttpFailure
from counterfoil.server.outgoing import Rounds, wait_after
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.minting import mint_logout_token
from counterfoil.server.records.event import SERVER, EventKind
from counterfoil.server.records.logout import Line, Logout
from counterfoil.server.records.store import Transaction

LINES_AT_ONCE: Final = 16
"""Clients that are told at once by each process."""
AT_A_TURN: Final = 10
"""What one client is told in one turn of its line."""
CLAIM_SECONDS: Final = 120
"""Longer than a turn takes at most: nobody else serves a line that is being served."""

_LOG: Final = logging.getLogger(__name__)
_REFUSED: Final = 400
"""This message is wrong, or its logout failed (§2.8); any other answer is of the receiver."""


class Outward(Protocol):
    """Posts a form somewhere; gives the status of the answer, or raises ``HttpFailure``."""

    async def post_form(self, url: str, form: Mapping[str, str]) -> int:
        """Post a form."""


class _Turn(Struct, frozen=True):
    """A line that was taken: where its client is, and what it is to be told, each with a ``jti``.

    ``uri`` is empty where the client is told nothing any more.
    """

    line: Line
    uri: str
    waiting: tuple[tuple[Logout, str], ...]
    now: int


class Delivery:
    """Tells clients of logouts, for one process."""

    def __init__(self, authority: Authority, outward: Outward) -> None:
        self._authority = authority
        self._store = authority.store
        self._outward = outward
        self._rounds = Rounds("a logout")
        self._busy = 0

    async def run(self) -> None:
        """Tell until cancelled, many clients at once. A failure is logged, and tried again."""
        async with asyncio.TaskGroup() as lines:
            await self._rounds.run(partial(self._begin, lines))

    async def tick(self) -> bool:
        """Serve one line that is due; says whether there was one."""
        turn = await self._take()
        if turn is not None:
            await self._serve(turn)
        return turn is not None

    async def _begin(self, lines: asyncio.TaskGroup) -> bool:
        if self._busy >= LINES_AT_ONCE:
            return False
        turn = await self._take()
        if turn is None:
            return False
        self._busy += 1
        lines.create_task(self._serve_apart(turn))
        return True

    async def _serve_apart(self, turn: _Turn) -> None:
        try:
            await self._serve(turn)
        except Exception:  # the line comes again by itself
            _LOG.exception("client %s could not be told of logouts", turn.line.client_id)
        finally:
            self._busy -= 1
            self._rounds.wake()

    async def _take(self) -> _Turn | None:
        if not await self._store.read(_is_due):
            return None
        return await self._store.transact(_take)

    async def _serve(self, turn: _Turn) -> None:
        client_id = turn.line.client_id
        try:
            for logout, jti in turn.waiting:
                await self._tell(turn, logout, jti)
        except HttpFailure as error:
            wait = wait_after(turn.line.failures + 1)
            failed = replace(turn.line, failures=turn.line.failures + 1)
            await self._store.transact(partial(_postpone, failed, wait))
            _LOG.warning("client %s is told of logouts in %d s: %s", client_id, wait, error)
        except asyncio.CancelledError:
            # This process ends: whoever comes next need not wait until the claim is over.
            await self._store.transact(partial(_leave, client_id))
            raise
        else:
            await self._store.transact(partial(_leave, client_id))
            _LOG.debug("the line of client %s was served", client_id)

    async def _tell(self, turn: _Turn, logout: Logout, jti: str) -> None:
        """Tell a client one thing, or give it up.

        Raises:
            HttpFailure: the client could not be reached, or is not ready for it.
        """
        if not turn.uri:
            await self._store.transact(partial(_remove, logout))
            return
        if logout.expires_at <= turn.now:
            await self._store.transact(partial(_give_up, logout, "out_of_time"))
            return
        token = mint_logout_token(self._authority, logout, jti, turn.now)
        status = await self._outward.post_form(turn.uri, {"logout_token": token})
        if status == _REFUSED:
            await self._store.transact(partial(_give_up, logout, "refused"))
        elif status in {200, 204}:
            await self._store.transact(partial(_remove, logout))
        else:
            raise HttpFailure(f"{turn.uri} answered {status}, not 200")


async def _is_due(tx: Transaction) -> bool:
    return await tx.logouts.is_due(tx.now)


async def _take(tx: Transaction) -> _Turn | None:
    line = await tx.logouts.take_line(tx.now, tx.now + CLAIM_SECONDS)
    if line is None:
        return None
    client = await tx.clients.find(line.client_id)
    is_told = client is not None and client.is_enabled
    waiting = await tx.logouts.in_line(line.client_id, AT_A_TURN)
    return _Turn(
        line,
        client.backchannel_logout_uri if client is not None and is_told else "",
        tuple((logout, new_handle(tx)) for logout in waiting),
        tx.now,
    )


async def _remove(logout: Logout, tx: Transaction) -> None:
    await tx.logouts.remove(logout.id)


async def _give_up(logout: Logout, why: str, tx: Transaction) -> None:
    _LOG.error("client %s was not told of a logout: %s", logout.client_id, why)
    await tx.logouts.remove(logout.id)
    detail = {"why": why, "user_id": logout.sub}
    detail |= {"session_id": logout.session_id} if logout.session_id else {}
    await events.record(tx, EventKind.LOGOUT_NOT_TOLD, SERVER, logout.client_id, detail)


async def _postpone(line: Line, wait: int, tx: Transaction) -> None:
    await tx.logouts.postpone(line, tx.now + wait)


async def _leave(client_id: str, tx: Transaction) -> None:
    await tx.logouts.leave(client_id, tx.now)
