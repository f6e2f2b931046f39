"""A table that is made anew loses no row, no column and no index, and an older server goes on."""

import random
import secrets
from pathlib import Path
from typing import Final

import apsw
import pytest

from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Store, Transaction
from counterfoil.server.storage import migration, sqlite_file
from counterfoil.server.storage.migration import Migration, Rebuilt, shipped
from counterfoil.server.storage.sqlite_schema import contract, migrate
from tests.storage.conftest import Clock, open_sqlite
from tests.storage.samples import NOW, add_people, authorization, family

pytestmark = pytest.mark.anyio

EVERY: Final = shipped("sqlite")
REBUILDING: Final = [each for each in EVERY if each.rebuilt]
BEFORE: Final = [each for each in EVERY if not each.rebuilt]
"""A file of the version before, in which whatever came later has been added already."""
TABLES: Final = [each.table for migration in REBUILDING for each in migration.rebuilt]


def columns_of(engine: apsw.Connection, table: str) -> list[tuple[object, ...]]:
    """Name, type, NOT NULL, default and place in the primary key of each."""
    return [row[1:] for row in engine.execute(f"PRAGMA table_xinfo({table})")]


def around(engine: apsw.Connection, table: str) -> set[object]:
    """Its indexes, triggers and foreign keys."""
    asked = "SELECT sql FROM sqlite_schema WHERE tbl_name = ? AND type <> 'table' AND sql <> ''"
    keys = engine.execute(f"PRAGMA foreign_key_list({table})")
    return {*(sql for (sql,) in engine.execute(asked, (table,))), *keys}


def is_by_name(engine: apsw.Connection, table: str) -> bool:
    ((by_name, strict),) = engine.execute("SELECT wr, strict FROM pragma_table_list(?)", (table,))
    assert strict
    return bool(by_name)


def chance(kind: object) -> object:
    match kind:
        case "INTEGER":
            return random.randrange(1, 10**9)
        case "BLOB":
            return secrets.token_bytes(9)
        case _:
            return secrets.token_hex(5)


def fill(engine: apsw.Connection, table: str) -> None:
    """Fifty rows with another value in every column."""
    kinds = {str(name): kind for name, kind, *_ in columns_of(engine, table)}
    places = ", ".join("?" * len(kinds))
    for _ in range(50):
        values = [chance(kind) for kind in kinds.values()]
        engine.execute(f"INSERT INTO {table} ({', '.join(kinds)}) VALUES ({places})", values)


def rows_of(engine: apsw.Connection, table: str) -> list[object]:
    return sorted(engine.execute(f"SELECT * FROM {table}"), key=repr)


def test_what_is_rebuilt_is_said_in_the_head() -> None:
    said = Migration(9, "0009_x.sql", "-- rebuilt: a by b, c by d.\n")
    assert said.rebuilt == (Rebuilt("a", "b"), Rebuilt("c", "d"))
    assert Migration(9, "0009_x.sql", "-- rebuilt\nSELECT 1;").rebuilt == ()
    assert set(TABLES) == {"authorizations", "families"}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_is_made_anew_is_the_same_table(table: str) -> None:
    """Also what a later version had added before it was asked for."""
    engine = apsw.Connection(":memory:")
    migrate(engine, BEFORE, NOW)
    engine.execute(f"ALTER TABLE {table} ADD COLUMN later TEXT NOT NULL DEFAULT 'seven'")
    engine.execute(f"CREATE INDEX {table}_by_later ON {table} (later) WHERE later <> ''")
    engine.execute(f"CREATE TRIGGER {table}_stay BEFORE DELETE ON {table} BEGIN SELECT 1; END")
    fill(engine, table)
    was = columns_of(engine, table), around(engine, table), rows_of(engine, table)
    assert is_by_name(engine, table)
    migrate(engine, EVERY, NOW)
    assert is_by_name(engine, table), "it was not asked for"
    contract(engine, EVERY, NOW)
    assert not is_by_name(engine, table)
    assert (columns_of(engine, table), around(engine, table), rows_of(engine, table)) == was
    with pytest.raises(apsw.ConstraintError, match="NOT NULL"):
        engine.execute(f"INSERT INTO {table} DEFAULT VALUES")
    with pytest.raises(apsw.ConstraintError, match="UNIQUE"):
        engine.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1")


@pytest.mark.parametrize(("table", "by"), [("families", "created_at")])
def test_rows_lie_in_the_order_they_came(table: str, by: str) -> None:
    engine = apsw.Connection(":memory:")
    migrate(engine, BEFORE, NOW)
    fill(engine, table)
    contract(engine, EVERY, NOW)
    times = [time for (time,) in engine.execute(f"SELECT {by} FROM {table} ORDER BY rowid")]
    assert times == sorted(times)
    assert len(times) == 50


def test_a_new_file_begins_with_tables_of_rows() -> None:
    engine = apsw.Connection(":memory:")
    migrate(engine, EVERY, NOW)
    assert [is_by_name(engine, table) for table in TABLES] == [False, False]


async def filled(tx: Transaction) -> None:
    await add_people(tx)
    for number in range(40):
        await tx.families.add(family(id=f"family-{number}", created_at=NOW - number))
        code = authorization(digest=bytes([number]) * 32, expires_at=NOW + number)
        await tx.authorizations.add(code)
        if number % 2:
            await tx.authorizations.take(code.digest, f"family-{number}", NOW - 1)


async def all_of(store: Store) -> list[object]:
    async def read(tx: Transaction) -> list[object]:
        codes = [await tx.authorizations.find(bytes([number]) * 32) for number in range(40)]
        return [*await tx.families.page("", 100), *codes]

    return await store.read(read)


async def test_servers_work_on_either_form_and_go_on_while_it_is_made_anew(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statements that were prepared before, and all others."""
    path = tmp_path / "counterfoil.db"
    with monkeypatch.context() as older:
        older.setattr(migration, "shipped", lambda _: BEFORE)
        its = open_sqlite(tmp_path, clock)
    await its.transact(filled)
    ours = open_sqlite(tmp_path, clock)
    was = await all_of(its)
    assert len([each for each in was if each is not None]) == 80
    assert await all_of(ours) == was
    sqlite_file.contract_file(path, NOW)
    assert await all_of(its) == was
    await its.transact(lambda tx: tx.families.end("family-3", NOW, "test"))
    await ours.transact(lambda tx: tx.authorizations.burn_of_grant("grant-1"))
    await its.transact(lambda tx: tx.families.add(family(id="of-the-older")))
    assert await all_of(ours) == await all_of(its) != was
    ended = await ours.read(lambda tx: tx.families.find("family-3"))
    assert ended is not None
    assert ended.ended_why == "test"
    assert await ours.read(lambda tx: tx.families.find("of-the-older")) is not None
    for each in (its, ours):
        await each.close()
    engine = apsw.Connection(str(path))
    assert engine.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert engine.execute("PRAGMA foreign_key_check").fetchall() == []


async def test_a_table_is_not_made_anew_in_memory(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are sorted, and pages kept to be put back: a large table would be as much memory."""
    with monkeypatch.context() as older:
        older.setattr(migration, "shipped", lambda _: BEFORE)
        store = open_sqlite(tmp_path, clock)
    long = Origin("192.0.2.1", "x" * 100_000)

    async def many(tx: Transaction) -> None:
        await add_people(tx)
        for number in range(300):
            code = authorization(digest=number.to_bytes(32, "big"), origin=long)
            await tx.authorizations.add(code)
            await tx.families.add(family(id=f"family-{number}", origin=long))

    await store.transact(many)
    await store.close()
    others = apsw.memory_used()  # of this process: what other tests have open
    apsw.memory_high_water(True)
    sqlite_file.contract_file(tmp_path / "counterfoil.db", NOW)
    assert apsw.memory_high_water() - others < 15_000_000, "of 60 MB"
