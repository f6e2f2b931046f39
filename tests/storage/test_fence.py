"""The fence, on every engine: nobody reads or writes what was left, whoever they are."""

import apsw
import asyncpg
import pytest

from counterfoil.server.records.failures import StoreShut
from counterfoil.server.records.fence import Fence, FenceState
from counterfoil.server.records.store import Store
from counterfoil.server.storage.moving.postgres_end import PostgresEnd
from counterfoil.server.storage.moving.tables import shipped_tables
from counterfoil.server.storage.postgres import PostgresStore
from counterfoil.server.storage.postgres_connection import BeginAgain
from counterfoil.server.storage.postgres_transaction import AloneTransaction
from counterfoil.server.storage.sqlite import SqliteStore
from counterfoil.server.storage.statements.fences import demand_usable
from tests.storage.conftest import Clock, Engine
from tests.storage.samples import NOW, add_people, user

pytestmark = pytest.mark.anyio

SHUT = [FenceState.LEAVING, FenceState.LEFT, FenceState.ARRIVING, FenceState.HELD]


def fence(state: FenceState) -> Fence:
    return Fence(state, "a move", "elsewhere", NOW)


async def put(engine: Engine, state: FenceState | None) -> None:
    """Put a fence, or take it away, as another process does."""
    end = await engine.end()
    if state is None:
        await end.alone(lambda tx: tx.fence.remove(), NOW)
    else:
        await end.put_fence(fence(state))
    await end.close()


@pytest.mark.parametrize("state", SHUT)
async def test_a_store_that_is_open_neither_reads_nor_writes(
    peopled: Store, engine: Engine, state: FenceState
) -> None:
    await put(engine, state)
    said = fence(state).sentence
    with pytest.raises(StoreShut) as told:
        await peopled.version_now()
    assert str(told.value) == said
    for attempt in (peopled.read, peopled.transact):
        with pytest.raises(StoreShut) as told:
            await attempt(lambda tx: tx.users.every())
        assert str(told.value) == said
    with pytest.raises(StoreShut):
        await peopled.transact(lambda tx: tx.users.every(), beside=True)
    with pytest.raises(StoreShut):
        peopled.version()
    await put(engine, None)
    await peopled.version_now()
    assert await peopled.read(lambda tx: tx.users.every()) == [user()]
    await peopled.transact(lambda tx: tx.users.disable("ada", NOW))


@pytest.mark.parametrize("state", SHUT)
async def test_a_store_cannot_be_opened(
    store: Store, engine: Engine, clock: Clock, state: FenceState
) -> None:
    await put(engine, state)
    with pytest.raises(StoreShut) as told:
        await engine.open(clock)
    assert str(told.value) == fence(state).sentence


async def test_administrators_use_what_waits_for_them_and_nothing_else_that_is_shut(
    peopled: Store, engine: Engine, clock: Clock
) -> None:
    async def opened() -> Store:
        given = {"clock": clock, "random": bytes, "demand": demand_usable}
        if engine.name == "sqlite":
            return SqliteStore.open(engine.file, **given)  # type: ignore[arg-type]
        return await PostgresStore.open(engine.url, **given)  # type: ignore[arg-type]

    await put(engine, FenceState.HELD)
    theirs = await opened()
    await theirs.transact(lambda tx: tx.users.disable("ada", NOW))
    assert (await theirs.read(lambda tx: tx.users.every()))[0].disabled_at == NOW
    await theirs.version_now()
    await put(engine, FenceState.LEFT)
    with pytest.raises(StoreShut):
        await theirs.read(lambda tx: tx.users.every())
    await theirs.close()
    with pytest.raises(StoreShut):
        await opened()


@pytest.mark.parametrize("state", [FenceState.LEAVING, FenceState.LEFT])
async def test_the_engine_itself_refuses_whoever_writes_of_whatever_version(
    peopled: Store, engine: Engine, state: FenceState
) -> None:
    """A server that knows no fence, or a hand at the database, changes no row of any table."""
    names = [table.name for table in shipped_tables()]
    await put(engine, state)
    writes = [f"INSERT INTO {name} DEFAULT VALUES" for name in names]
    writes += [f"UPDATE {table.name} SET {table.key[0]} = {table.key[0]}" for table in filled()]
    writes += [f"DELETE FROM {table.name}" for table in filled()]
    if engine.name == "postgres":
        writes += [f"TRUNCATE {name} CASCADE" for name in names]
    for write in writes:
        with pytest.raises((apsw.ConstraintError, asyncpg.PostgresError), match="is shut"):
            await engine.run(write)


def filled() -> list:  # type: ignore[type-arg]
    """Tables of which ``peopled`` has a row."""
    return [each for each in shipped_tables() if each.name in ("users", "clients", "grants")]


async def test_a_work_that_was_begun_when_the_fence_came_stores_nothing(
    peopled: Store, engine: Engine
) -> None:
    """The store was asked before the fence stood, and writes after."""
    if engine.name == "postgres":
        pytest.skip("there the fence waits for whoever writes")
    assert isinstance(peopled, SqliteStore)
    peopled.version()
    looked = peopled._demand
    peopled._demand = lambda row: None  # as if it had looked just before
    await put(engine, FenceState.LEFT)
    with pytest.raises(StoreShut, match="is shut"):
        await peopled.transact(lambda tx: tx.users.disable("ada", NOW))
    peopled._demand = looked
    await put(engine, None)
    assert (await peopled.read(lambda tx: tx.users.every()))[0].disabled_at is None


@pytest.mark.postgres
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
@pytest.mark.parametrize("state", SHUT)
async def test_every_work_looks_though_the_process_has_not_heard_of_the_fence(
    peopled: Store, engine: Engine, state: FenceState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever follows looks a few times a second: what was left may live elsewhere by then."""
    assert isinstance(peopled, PostgresStore)
    monkeypatch.setattr(peopled._following, "_demand", lambda row: None)
    await put(engine, state)
    for beside in (False, True):
        with pytest.raises(StoreShut, match="it "):
            await peopled.transact(lambda tx: tx.users.every(), beside=beside)
    with pytest.raises(StoreShut):
        await peopled.read(lambda tx: tx.users.every())
    await put(engine, None)
    assert await peopled.transact(lambda tx: tx.users.every()) == [user()]


@pytest.mark.postgres
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
async def test_whoever_moves_tries_again_where_the_engine_chose_somebody_else(
    peopled: Store, engine: Engine
) -> None:
    """Opening a database takes tables one by one, of which readers may hold the next."""
    end = await engine.end()
    assert isinstance(end, PostgresEnd)
    tries = []

    async def work(tx: AloneTransaction) -> int:
        tries.append(len(await tx.users.every()))
        await tx.users.add(user(id=f"try-{len(tries)}", email=f"try-{len(tries)}@example.com"))
        if len(tries) < 3:
            raise BeginAgain("the database chose another transaction")
        return len(tries)

    assert await end.alone(work, NOW) == 3
    assert tries == [1, 1, 1]
    added = await peopled.read(lambda tx: tx.users.every())
    assert {each.id for each in added} == {"ada", "try-3"}

    async def never(_: AloneTransaction) -> None:
        raise BeginAgain("the database chose another transaction")

    with pytest.raises(BeginAgain):
        await end.alone(never, NOW)
    await end.close()


async def test_the_fence_can_be_put_again_and_again(store: Store, engine: Engine) -> None:
    await store.transact(add_people)
    for state in (*SHUT, FenceState.LEFT, FenceState.ARRIVED, FenceState.LEAVING):
        await put(engine, state)
        end = await engine.end()
        assert await end.fence() == fence(state)
        await end.close()
    await put(engine, FenceState.ARRIVED)
    await store.version_now()
    await store.transact(lambda tx: tx.users.disable("ada", NOW))


def test_every_state_that_shuts_says_what_to_do() -> None:
    for state in FenceState:
        assert fence(state).is_shut == (state in SHUT)
    for state in SHUT:
        assert "elsewhere" in fence(state).sentence
    told = {state for state in SHUT if "counterfoil database reopen" in fence(state).sentence}
    assert told == set(SHUT) - {FenceState.ARRIVING}
