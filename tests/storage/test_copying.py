"""Copying between engines: every row, piece by piece, interrupted anywhere, and what is refused."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.fence import Fence, FenceState
from counterfoil.server.storage import migration
from counterfoil.server.storage.connection import WrongStatement
from counterfoil.server.storage.moving import copying, ends
from counterfoil.server.storage.moving.copying import Ends, Move, Todo, copy, judge
from counterfoil.server.storage.moving.ends import End, MoveRefused
from counterfoil.server.storage.moving.sums import Progress, Summing
from counterfoil.server.storage.moving.tables import shipped_tables
from counterfoil.server.storage.transaction import BoundTransaction
from tests import newer
from tests.storage.conftest import Clock, Engine
from tests.storage.moving import all_rows, fill_every_table, said_nothing
from tests.storage.samples import NOW, user

pytestmark = pytest.mark.anyio

POSTGRES = pytest.mark.postgres
EVERY_PAIR = pytest.mark.parametrize(
    "pair",
    [
        ("sqlite", "sqlite"),
        pytest.param(("sqlite", "postgres"), marks=POSTGRES),
        pytest.param(("postgres", "sqlite"), marks=POSTGRES),
        pytest.param(("postgres", "postgres"), marks=POSTGRES),
    ],
    ids="-to-".join,
    indirect=True,
)
PAIRS = [("sqlite", "sqlite"), pytest.param(("postgres", "sqlite"), marks=POSTGRES)]
FILES = pytest.mark.parametrize("pair", [("sqlite", "sqlite")], ids="-to-".join, indirect=True)


class Pair:
    """A source with something in every table, and an empty target; each can be opened anew."""

    def __init__(self, source: Engine, target: Engine) -> None:
        self.source = source
        self.target = target

    @asynccontextmanager
    async def ends(self) -> AsyncIterator[Ends]:
        given = Ends(await self.source.end(), await self.target.end())
        yield given
        await given.source.close()
        await given.target.close()

    async def copy(self, tell: Callable[[Progress], None] = said_nothing) -> dict[str, Any]:
        """Copy as a new process does."""
        async with self.ends() as given:
            try:
                return await copy(given, Move(secrets.token_hex(8), NOW, note_leaving), tell)
            finally:
                await given.source.close()
                await given.target.close()

    async def rows(self) -> list[dict[str, list[tuple[Any, ...]]]]:
        """Every row of both."""
        async with self.ends() as given:
            return [await all_rows(end) for end in (given.source, given.target)]


async def note_leaving(tx: BoundTransaction, fence: Fence) -> None:
    await tx.events.append(
        Event(kind=EventKind.DATABASE_SHUT, at=NOW, actor="cli", subject=fence.move)
    )


@pytest.fixture(params=PAIRS, ids="-to-".join)
async def pair(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[Pair]:
    server = None
    if "postgres" in request.param:
        server = request.getfixturevalue("postgres_server")
    source, target = (
        Engine(name, tmp_path / which, server if name == "postgres" else None)
        for which, name in zip(("source", "target"), request.param, strict=True)
    )
    (tmp_path / "source").mkdir()
    (tmp_path / "target").mkdir()
    with closing(source), closing(target):
        store = await source.open(clock, anew=True)
        await store.transact(lambda tx: tx.users.add(user()))
        await store.close()
        await (await target.end(anew=True)).close()
        yield Pair(source, target)


@pytest.fixture
async def filled(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Pair:
    monkeypatch.setattr(ends, "PIECE", 7)
    end = await pair.source.end()
    await fill_every_table(end)
    await end.close()
    return pair


async def states(pair: Pair) -> list[FenceState | None]:
    async with pair.ends() as given:
        return [await state_of(given.source), await state_of(given.target)]


async def state_of(end: End) -> FenceState | None:
    try:
        fence = await end.fence()
    except WrongStatement:  # nothing is there yet, not even a table
        return None
    return fence.state if fence else None


@EVERY_PAIR
async def test_every_row_of_every_table_goes_over(filled: Pair) -> None:
    async with filled.ends() as given:
        before = await all_rows(given.source)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    told: list[Progress] = []
    sums = await filled.copy(told.append)
    assert await states(filled) == [FenceState.LEFT, FenceState.ARRIVED]
    there, after = await filled.rows()
    assert after == there
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"events"}, "that it was left is told by an event, and by nothing else"
    assert {name: each.rows for name, each in sums.items()} == {n: len(r) for n, r in after.items()}
    assert {(each.doing, each.table) for each in told} == {
        (doing, name) for doing in ("copied", "read again", "verified") for name in before
    }
    for doing in ("copied", "verified"):
        done = [each.done for each in told if (each.doing, each.table) == (doing, "users")]
        assert done == [7, 14, 21, 28, 31]


async def test_a_copy_goes_on_wherever_it_was_interrupted(filled: Pair) -> None:
    """After every fourth piece the process is gone, and another is asked; until one comes through.

    What it has done is not done again: every piece is copied once.
    """

    class Died(Exception):
        pass

    copied: list[tuple[str, int]] = []
    deaths = 0

    def tell(said: Progress) -> None:
        if said.doing != "copied":
            return
        assert (said.table, said.done) not in copied
        copied.append((said.table, said.done))
        if len(copied) % 4 == 0:
            raise Died

    while True:
        try:
            sums = await filled.copy(tell)
            break
        except Died:
            deaths += 1
            assert await states(filled) == [FenceState.LEAVING, FenceState.ARRIVING]
    assert deaths > 15
    there, here = await filled.rows()
    assert here == there
    assert sums["users"].rows == 31


async def test_dying_between_the_fences_leaves_nothing_open_twice(
    filled: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every step of the fences: never are both open, once the source was shut."""

    class Died(Exception):
        pass

    put = End.put_fence
    move: Callable[..., Awaitable[Any]] = copying._move_fence
    steps = iter(range(100))

    async def dying_put(end: End, fence: Fence) -> None:
        if next(steps) == 0:
            raise Died
        await put(end, fence)
        if next(steps) == 2:
            raise Died

    async def dying_move(*given: Any) -> None:
        if next(steps) in (5, 7):
            raise Died
        await move(*given)

    monkeypatch.setattr(End, "put_fence", dying_put)
    monkeypatch.setattr(copying, "_move_fence", dying_move)
    seen = [await states(filled)]
    for _ in range(10):
        try:
            await filled.copy()
            break
        except Died:
            seen.append(await states(filled))
    seen.append(await states(filled))
    assert seen == [
        [None, None],
        [None, None],
        [None, FenceState.ARRIVING],
        [FenceState.LEAVING, FenceState.ARRIVING],
        [FenceState.LEFT, FenceState.ARRIVING],
        [FenceState.LEFT, FenceState.ARRIVED],
    ]


async def test_asking_again_for_what_is_done_does_nothing(pair: Pair) -> None:
    assert await pair.copy()
    before = await pair.rows()
    assert await pair.copy() == {}
    assert await pair.rows() == before
    assert await states(pair) == [FenceState.LEFT, FenceState.ARRIVED]


async def test_a_copy_can_be_copied_on(pair: Pair, clock: Clock) -> None:
    """And back: nothing but an empty database is needed."""
    await pair.copy()
    store = await pair.target.open(clock)
    await store.transact(lambda tx: tx.users.disable("ada", NOW))
    await store.close()
    await (await pair.source.end(anew=True)).close()
    back = Pair(pair.target, pair.source)
    await back.copy()
    store = await pair.source.open(clock)
    assert (await store.read(lambda tx: tx.users.every()))[0].disabled_at == NOW
    await store.close()


@EVERY_PAIR
async def test_numbers_go_on_where_they_were(filled: Pair, clock: Clock) -> None:
    """What the engine numbers by itself collides with nothing that came over."""
    await filled.copy()
    end = await filled.target.end()

    async def work(tx: BoundTransaction) -> list[int]:
        add = "INSERT INTO issued_tokens (digest, jti, family_id, client_id, client_generation,"
        add += " audience, api_generation, kid, issued_at, expires_at, kept_until)"
        add += (
            " VALUES (?, '', '', '', 0, '', 0, '', 0, 0, 0) ON CONFLICT DO NOTHING RETURNING number"
        )
        greatest = await tx._connection.one("SELECT max(number) FROM issued_tokens")
        drawn = await tx._connection.one(add, b"new")
        assert greatest is not None
        assert drawn is not None
        return [greatest[0], drawn[0]]

    greatest, drawn = await end.alone(work, NOW)
    assert drawn == greatest + 1
    await end.close()


@FILES
async def test_whatever_is_there_already_is_left_alone(pair: Pair, clock: Clock) -> None:
    await (await pair.target.open(clock, anew=True)).close()
    with pytest.raises(MoveRefused, match="is not empty: make an empty database"):
        await pair.copy()
    assert await states(pair) == [None, None]


@FILES
async def test_half_a_copy_of_another_move_is_left_alone(pair: Pair, clock: Clock) -> None:
    """The source was opened again meanwhile: what was copied of it before is of no use."""

    def tell(said: Progress) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await pair.copy(tell)
    end = await pair.source.end()
    await end.alone(lambda tx: tx.fence.remove(), NOW)
    await end.close()
    with pytest.raises(MoveRefused, match="half a copy of another move"):
        await pair.copy()
    assert await states(pair) == [None, FenceState.ARRIVING]


async def test_a_source_that_is_opened_while_it_is_copied_is_not_shut_in_the_end(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then both would have lived; the copy stays shut."""
    prove = copying.prove

    async def proved(*given: Any) -> Any:
        sums = await prove(*given)
        end = await pair.source.end()
        await end.alone(lambda tx: tx.fence.remove(), NOW)
        await end.close()
        return sums

    monkeypatch.setattr(copying, "prove", proved)
    with pytest.raises(MoveRefused, match="its fence was taken away"):
        await pair.copy()
    assert await states(pair) == [None, FenceState.ARRIVING]


async def test_of_two_copies_to_two_places_one_lives(
    pair: Pair, tmp_path: Path, clock: Clock
) -> None:
    """Whoever began first finds that the source has left for elsewhere, however often he asks."""

    def die(_: Progress) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await pair.copy(die)
    (tmp_path / "third").mkdir()
    with closing(Engine("sqlite", tmp_path / "third", None)) as third:
        await (await third.end(anew=True)).close()
        other = Pair(pair.source, third)
        await other.copy()
        for _ in range(2):
            with pytest.raises(MoveRefused, match="it was copied to"):
                await pair.copy()
        assert await states(pair) == [FenceState.LEFT, FenceState.ARRIVING]
        assert await states(other) == [FenceState.LEFT, FenceState.ARRIVED]


async def test_two_copies_that_are_made_at_once_do_not_both_live(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins, and ends, while the first proves its copy."""
    (tmp_path / "third").mkdir()
    with closing(Engine("sqlite", tmp_path / "third", None)) as third:
        await (await third.end(anew=True)).close()
        other, prove = Pair(pair.source, third), copying.prove
        monkeypatch.setattr(copying, "prove", prove)

        async def proved(*given: Any) -> Any:
            sums = await prove(*given)
            monkeypatch.setattr(copying, "prove", prove)
            await other.copy()
            return sums

        monkeypatch.setattr(copying, "prove", proved)
        with pytest.raises(MoveRefused, match="taken away or moved"):
            await pair.copy()
        with pytest.raises(MoveRefused, match="it was copied to"):
            await pair.copy()
        assert await states(pair) == [FenceState.LEFT, FenceState.ARRIVING]
        assert await states(other) == [FenceState.LEFT, FenceState.ARRIVED]


@FILES
async def test_a_copy_elsewhere_that_begins_at_the_same_moment_is_not_taken_for_this_one(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else this one would say of the source that it has left, and that one would open half."""

    def die(_: Progress) -> None:
        raise RuntimeError

    (tmp_path / "third").mkdir()
    with closing(Engine("sqlite", tmp_path / "third", None)) as third:
        await (await third.end(anew=True)).close()
        other, begin = Pair(pair.source, third), copying._begin

        async def begun_both(*given: Any) -> None:
            await begin(*given)
            monkeypatch.setattr(copying, "_begin", begin)
            with pytest.raises(RuntimeError):
                await other.copy(die)

        monkeypatch.setattr(copying, "_begin", begun_both)
        with pytest.raises(MoveRefused, match="taken away or moved"):
            await pair.copy()
        assert await states(other) == [FenceState.LEAVING, FenceState.ARRIVING]
        await other.copy()
        here, there = await other.rows()
        assert here == there


@FILES
async def test_a_copy_elsewhere_that_has_only_begun_takes_the_place_of_this_one(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source is shut as before, but not for this copy."""

    def die(_: Progress) -> None:
        raise RuntimeError

    (tmp_path / "third").mkdir()
    with closing(Engine("sqlite", tmp_path / "third", None)) as third:
        await (await third.end(anew=True)).close()
        other, prove = Pair(pair.source, third), copying.prove

        async def proved(*given: Any) -> Any:
            sums = await prove(*given)
            with pytest.raises(RuntimeError):
                await other.copy(die)
            return sums

        monkeypatch.setattr(copying, "prove", proved)
        with pytest.raises(MoveRefused, match="taken away or moved"):
            await pair.copy()
        monkeypatch.setattr(copying, "prove", prove)
        with pytest.raises(MoveRefused, match="half a copy of another move"):
            await pair.copy()
        await other.copy()
        assert await states(other) == [FenceState.LEFT, FenceState.ARRIVED]


@FILES
async def test_a_copy_that_is_not_equal_is_never_opened(
    filled: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = copying.fill

    async def filled_and_changed(*given: Any) -> None:
        await fill(*given)
        await filled.target.run("UPDATE users SET is_admin = 1 WHERE id = 'id-4'")

    monkeypatch.setattr(copying, "fill", filled_and_changed)
    with pytest.raises(MoveRefused, match=r"users of .* has 31 rows with the checksum"):
        await filled.copy()
    assert await states(filled) == [FenceState.LEAVING, FenceState.ARRIVING]


@FILES
async def test_two_who_copy_at_once_do_not_mix(filled: Pair) -> None:
    """Whoever comes second finds a row there that it was about to add, and stops."""
    users = next(each for each in shipped_tables() if each.name == "users")
    async with filled.ends() as other:
        with pytest.raises(MoveRefused, match="somebody else writes into users"):
            await _copy_beside(filled, other, users)
    sums = await filled.copy()
    assert sums["users"].rows == 31


async def _copy_beside(pair: Pair, other: Ends, users: Any) -> None:
    first = True

    async def add_too() -> None:
        rows = await other.source.page(users, await other.target.last(users))
        await other.target.add(users, rows)

    async def page_then_another_adds(table: Any, after: Any) -> Any:
        nonlocal first
        rows = await End.page(given.source, table, after)
        if table.name == "users" and first:
            first = False
            await add_too()
        return rows

    async with pair.ends() as given:
        given.source.page = page_then_another_adds  # type: ignore[method-assign]
        try:
            await copy(given, Move("a move", NOW, note_leaving), said_nothing)
        finally:
            await given.source.close()
            await given.target.close()


async def test_an_older_or_newer_form_is_refused(pair: Pair) -> None:
    await pair.source.run("INSERT INTO migrations VALUES (999, '0999_later.sql', '', 0)")
    with pytest.raises(MoveRefused, match=r"0999_later\.sql"):
        await pair.copy()
    await pair.source.run("DELETE FROM migrations WHERE number = 999")
    await pair.source.run("DELETE FROM migrations WHERE number = 11")
    with pytest.raises(MoveRefused, match=r"it lacks 0011_sightings\.sql"):
        await pair.copy()
    assert await states(pair) == [None, None]


async def test_a_newer_server_that_starts_in_the_moment_of_copying_loses_nothing(
    pair: Pair, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has added would be left out, and the source shut for good."""
    async with pair.ends() as given:
        put_fence = given.target.put_fence

        async def a_newer_one_starts(fence: Fence) -> None:
            await put_fence(fence)
            with monkeypatch.context() as patched:
                patched.setattr(migration, "shipped", newer.shipped)
                await (await pair.source.open(clock)).close()

        monkeypatch.setattr(given.target, "put_fence", a_newer_one_starts)
        with pytest.raises(MoveRefused, match=newer.EXPAND):
            await copy(given, Move("a move", NOW, note_leaving), said_nothing)
    assert await states(pair) == [None, FenceState.ARRIVING]
    await (await pair.source.open(clock)).close()


@FILES
async def test_a_database_is_not_copied_to_itself(pair: Pair) -> None:
    async with pair.ends() as given:
        same = Ends(given.source, await pair.source.end())
        with pytest.raises(MoveRefused, match="itself"):
            await copy(same, Move("a move", NOW, note_leaving), said_nothing)
        await same.target.close()
    assert await states(pair) == [None, None]


@FILES
async def test_what_is_not_whole_or_waits_is_not_copied(pair: Pair) -> None:
    for state in (FenceState.ARRIVING, FenceState.HELD):
        end = await pair.source.end()
        await end.put_fence(Fence(state, "another", "elsewhere", NOW))
        await end.close()
        with pytest.raises(MoveRefused, match="cannot be copied: it"):
            await pair.copy()


@FILES
async def test_what_was_copied_elsewhere_is_not_copied_twice(pair: Pair, clock: Clock) -> None:
    """Else two copies of it would live."""
    await pair.copy()
    await (await pair.target.end(anew=True)).close()
    with pytest.raises(MoveRefused, match="it was copied to"):
        await pair.copy()


def test_judging() -> None:
    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

    both = Ends(Named("here"), Named("there"))  # type: ignore[arg-type]

    def fence(state: FenceState, move: str = "a") -> Fence:
        return Fence(state, move, "x", 0)

    leaving, left = fence(FenceState.LEAVING), fence(FenceState.LEFT)
    arriving, arrived = fence(FenceState.ARRIVING), fence(FenceState.ARRIVED)
    other = fence(FenceState.ARRIVING, "b")
    assert judge(both, None, None, is_empty=True) is Todo.BEGIN
    assert judge(both, arrived, None, is_empty=True) is Todo.BEGIN
    assert judge(both, leaving, None, is_empty=True) is Todo.BEGIN
    assert judge(both, leaving, other, is_empty=True) is Todo.BEGIN
    assert judge(both, leaving, arriving, is_empty=False) is Todo.GO_ON
    assert judge(both, left, arriving, is_empty=False) is Todo.OPEN
    assert judge(both, left, arrived, is_empty=False) is Todo.NOTHING
    for refused in ((leaving, arrived), (leaving, None), (left, other), (leaving, other)):
        with pytest.raises(MoveRefused):
            judge(both, *refused, is_empty=False)


def test_sums_tell_rows_apart_that_run_together() -> None:
    def summed(*rows: tuple[object, ...]) -> str:
        summing = Summing()
        summing.take(rows)
        return summing.sum.sha256

    every = [
        summed(("ab", "c")), summed(("a", "bc")), summed(("ab",), ("c",)),
        summed(("ab", "c", None)), summed((b"ab", "c")),
        summed((1, "c")), summed(("1", "c")), summed(("c", "ab")), summed(),
    ]  # fmt: skip
    assert len(set(every)) == len(every)
