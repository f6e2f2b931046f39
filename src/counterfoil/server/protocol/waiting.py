"""Waiting for a receipt: until every guard holds an ending, or as long as one will wait.

A guard whose line broke is waited for too, until it has come back or its own policy has bitten.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.feed import Position
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.guards import Following, GuardLine, LostGuard
from counterfoil.server.records.lease import CARRIER
from counterfoil.server.records.store import Store, Transaction

LONGEST_WAIT: Final = 60
_POLL_SECONDS: Final = 0.02
_LOOK_SECONDS: Final = 1.0
_CARRIED_WITHIN: Final = 24 * 60 * 60
"""A carrier that is down for a while has guards all the same."""
"""Processes that are gone say so by their silence, which moves no version."""


class Acknowledged(Struct, frozen=True, kw_only=True):
    """How it stands with the guards that are connected, at whatever process.

    ``known`` have proved who they are, ``anonymous`` have not. ``others`` follow without saying
    that they are guards: nothing can be known of them, and nobody waits for them. ``behind`` have
    not acknowledged; ``uncounted`` is how many more there are: not named here, or of a process that
    has not answered. ``lost`` are those whose lines broke, while they decide on what they knew.
    ``carried``: a carrier has been at work, so there may be guards that are not among any of these.
    """

    reached: bool
    known: int = 0
    anonymous: int = 0
    others: int = 0
    behind: tuple[GuardLine, ...] = ()
    lost: tuple[GuardLine, ...] = ()
    uncounted: int = 0
    carried: bool = False


def _never() -> bool:
    return False


async def wait_for(
    store: Store, position: Position, seconds: int, is_over: Callable[[], bool] = _never
) -> Acknowledged:
    """Wait until every connected guard has acknowledged a position, ``seconds`` at most.

    It waits no longer once it ``is_over``, for then the answer must go out.

    A store that fails fails nobody who waits, for what was to end has ended: it is only not known
    how it stands.
    """
    try:
        return await _asked_for(store, position, seconds, is_over)
    except StoreUnavailable:
        return Acknowledged(reached=False)


async def _asked_for(
    store: Store, position: Position, seconds: int, is_over: Callable[[], bool]
) -> Acknowledged:
    wait, carried = await store.read(_begun)
    try:
        await store.transact(
            lambda tx: tx.guards.ask(wait, position, tx.now + seconds + 1),
        )
        return replace(await _watch(store, position, seconds, is_over), carried=carried)
    finally:
        with suppress(StoreUnavailable):  # then it lapses by itself
            await store.transact(lambda tx: tx.guards.cease(wait))


async def _begun(tx: Transaction) -> tuple[str, bool]:
    return new_handle(tx), await tx.leases.was_held(CARRIER, _CARRIED_WITHIN)


async def _watch(
    store: Store, position: Position, seconds: int, is_over: Callable[[], bool]
) -> Acknowledged:
    clock = asyncio.get_running_loop().time
    ends_at = clock() + seconds
    while True:
        version = store.version()
        standing = judge(*await store.read(_read), position)
        if standing.reached or clock() >= ends_at or is_over():
            return standing
        await _until_moved(store, version, ends_at)


async def _read(tx: Transaction) -> tuple[list[Following], list[LostGuard]]:
    return await tx.guards.every(), await tx.guards.lost()


async def _until_moved(store: Store, version: int, ends_at: float) -> None:
    clock = asyncio.get_running_loop().time
    ends_at = min(ends_at, clock() + _LOOK_SECONDS)
    for _ in range(math.ceil(_LOOK_SECONDS / _POLL_SECONDS)):
        if store.version() != version or clock() >= ends_at:
            return
        await asyncio.sleep(_POLL_SECONDS)


def judge(
    rolls: Sequence[Following], lost: Sequence[LostGuard], position: Position
) -> Acknowledged:
    """Say how it stands, by what each process has told of its guards. Pure.

    A process tells nothing unless it has guards; how many, it may not have told yet.
    """
    answered = [each for each in rolls if _has_answered(each, position)]
    silent = [each for each in rolls if each not in answered]
    short = [each for each in answered if each.reached < position.number]
    late = [line for each in short for line in each.behind if line.acknowledged < position.number]
    unnamed = sum(each.behind_in_all - len(each.behind) for each in short)
    return Acknowledged(
        reached=not (silent or short or lost),
        known=sum(each.known for each in rolls),
        anonymous=sum(each.anonymous for each in rolls),
        others=sum(each.others for each in rolls),
        behind=tuple(late),
        lost=tuple(each.line for each in lost),
        uncounted=unnamed + sum(each.known + each.anonymous for each in silent),
    )


def _has_answered(following: Following, position: Position) -> bool:
    """Whether a process has asked its guards so far."""
    asked = following.asked
    return asked.epoch == position.epoch and asked.number >= position.number
