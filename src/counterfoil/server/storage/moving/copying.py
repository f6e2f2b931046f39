"""Copying a database: what to do is judged by both fences, then rows go over piece by piece.

The source is shut before the first row is read, and stays shut. The copy is shut until every
table has proved equal. Between any two steps the work may die, and goes on when it is asked again.
"""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto

from msgspec import Struct

from counterfoil.server.records.fence import Fence, FenceState
from counterfoil.server.storage.moving.ends import End, MoveRefused
from counterfoil.server.storage.moving.sums import Progress, Sum, Tell, sum_of
from counterfoil.server.storage.moving.tables import Table, shipped_tables
from counterfoil.server.storage.transaction import BoundTransaction


class Todo(Enum):
    """What is left to do of a copy."""

    BEGIN = auto()
    GO_ON = auto()
    OPEN = auto()
    """All is over there; only the copy is still shut."""
    NOTHING = auto()


class Ends(Struct, frozen=True):
    """From where, and to where."""

    source: End
    target: End


class Move(Struct, frozen=True):
    """One copy: its name, when it was asked for, and what is written when the source is shut."""

    name: str
    now: int
    leave: Callable[[BoundTransaction, Fence], Awaitable[None]]


def judge(ends: Ends, source: Fence | None, target: Fence | None, *, is_empty: bool) -> Todo:
    """Judge by the fences of both, and by whether the target ``is_empty``.

    Raises:
        MoveRefused: the source cannot be copied, or not there.
    """
    of_source, of_target = ends.source.name, ends.target.name
    if source is not None and source.state in (FenceState.ARRIVING, FenceState.HELD):
        raise MoveRefused(f"{of_source} cannot be copied: {source.sentence}")
    is_same = source is not None and target is not None and source.move == target.move
    is_left = source is not None and source.state is FenceState.LEFT
    if is_same and target is not None:
        if target.state is FenceState.ARRIVING:
            return Todo.OPEN if is_left else Todo.GO_ON
        if target.state is FenceState.ARRIVED and is_left:
            return Todo.NOTHING
    if source is not None and is_left:
        raise MoveRefused(f"{of_source} cannot be copied: {source.sentence}")
    if is_empty:
        return Todo.BEGIN
    if target is not None and target.state is FenceState.ARRIVING:
        raise MoveRefused(
            f"{of_target} holds half a copy of another move, from {target.other}: make an empty "
            "database, and name that"
        )
    raise MoveRefused(f"{of_target} is not empty: make an empty database, and name that")


async def copy(ends: Ends, move: Move, tell: Tell) -> dict[str, Sum]:
    """Shut the source, copy it, prove the copy and open it; gives what was proved of each table.

    Raises:
        MoveRefused: that cannot be done with these two.
        StoreUnavailable: one of them failed; what was done until then stands.
    """
    source, target = ends.source, ends.target
    await source.demand_newest_schema()
    await target.make_schema(move.now)
    tables = shipped_tables()
    is_empty = await target.is_empty(tables)
    if not is_empty and await target.feed() == await source.feed() and not await target.fence():
        raise MoveRefused(f"{target.name} is {source.name} itself, or holds a copy of its file")
    stands = await target.fence()
    todo = judge(ends, await source.fence(), stands, is_empty=is_empty)
    if todo is Todo.NOTHING:
        return {}
    # Never the name that stands at the source: another copy may have begun meanwhile.
    name = move.name if todo is Todo.BEGIN or stands is None else stands.move
    if todo is Todo.BEGIN:
        await _begin(ends, move)
    if todo is not Todo.OPEN:
        await fill(ends, tables, tell)
    sums = await prove(ends, tables, tell)
    if todo is not Todo.OPEN:
        await _move_fence(source, (FenceState.LEAVING, FenceState.LEFT), name, move.now)
    await _move_fence(target, (FenceState.ARRIVING, FenceState.ARRIVED), name, move.now)
    return sums


async def _begin(ends: Ends, move: Move) -> None:
    """Shut both: the empty one first, so that nobody begins to live there.

    The move has a name of its own even where the source was shut for another one: half a copy
    that was made for that can never be opened.
    """
    source, target = ends.source, ends.target
    await target.put_fence(Fence(FenceState.ARRIVING, move.name, source.name, move.now))
    fence = Fence(FenceState.LEAVING, move.name, target.name, move.now)

    async def work(tx: BoundTransaction) -> None:
        await source.demand_newest_schema()  # nobody changes it from now on
        stands = await tx.fence.find()
        if stands is None or not stands.is_shut:
            await move.leave(tx, fence)
        elif stands.state is not FenceState.LEAVING:
            raise MoveRefused(f"{source.name} cannot be copied: {stands.sentence}")
        await tx.fence.put(fence)

    await source.alone(work, move.now)


async def fill(ends: Ends, tables: Sequence[Table], tell: Tell) -> None:
    """Add to the target every row that it lacks. The source must not change meanwhile.

    Rows come in the order of their keys, so that the greatest key there says how far it is.

    Raises:
        MoveRefused: a row cannot be held there, or somebody else writes into it.
    """
    source, target = ends.source, ends.target
    for table in tables:
        of, done = await source.count(table), await target.count(table)
        rows = await source.page(table, await target.last(table))
        while rows:
            await target.add(table, target.fitted(table, rows))
            done += len(rows)
            tell(Progress("copied", table.name, done, of))
            rows = await source.page(table, table.key_of(rows[-1]))
    await target.finish(tables)


async def prove(ends: Ends, tables: Sequence[Table], tell: Tell) -> dict[str, Sum]:
    """Read both whole and compare; gives the sum of each table.

    Raises:
        MoveRefused: they are not equal.
    """
    sums = {}
    for table in tables:
        there = await sum_of(ends.source, table, ends.target.fitted, tell, "read again")
        here = await sum_of(ends.target, table, ends.target.fitted, tell)
        if here != there:
            raise MoveRefused(
                f"{table.name} of {ends.target.name} has {here.rows} rows with the checksum "
                f"{here.sha256[:16]}…, that of {ends.source.name} {there.rows} with "
                f"{there.sha256[:16]}…: somebody has written into one of them"
            )
        sums[table.name] = here
    return sums


async def _move_fence(end: End, states: tuple[FenceState, FenceState], name: str, now: int) -> None:
    """Move the fence of this very move from one state to the next, if it stands there yet."""
    before, after = states

    async def work(tx: BoundTransaction) -> None:
        stands = await tx.fence.find()
        if stands is None or (stands.state, stands.move) != (before, name):
            raise MoveRefused(f"{end.name}: its fence was taken away or moved meanwhile")
        await tx.fence.put(Fence(after, name, stands.other, now))

    await end.alone(work, now)
