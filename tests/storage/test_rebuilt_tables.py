"""A table that is made anew loses no row, no column and no index, and an older server goes on."""

import os
import re
from pathlib import Path
from typing import Final

import apsw
import pytest

from counterfoil.server.records.store import Store, Transaction
from counterfoil.server.storage import migration, sqlite_file
from counterfoil.server.storage.migration import OF_ONE_ENGINE, Migration, shipped
from counterfoil.server.storage.sqlite_schema import migrate
from tests.storage.conftest import Clock, open_sqlite
from tests.storage.migration_rules import ANEW, statements_in
from tests.storage.samples import NOW, add_people, authorization, family

pytestmark = pytest.mark.anyio

EVERY: Final = shipped("sqlite")


def rebuilt_in(sql: str) -> list[str]:
    return [found[2] for each in statements_in(sql) if (found := ANEW.match(each))]


REBUILDING: Final = [each for each in EVERY if rebuilt_in(each.sql)]
TABLES: Final = [(each, table) for each in REBUILDING for table in rebuilt_in(each.sql)]


def before(rebuilding: Migration) -> list[Migration]:
    return [each for each in EVERY if not rebuilding.number <= each.number < OF_ONE_ENGINE]


def columns_of(engine: apsw.Connection, table: str) -> list[tuple[object, ...]]:
    """Name, type, NOT NULL, default and place in the primary key of each."""
    return [row[1:] for row in engine.execute(f"PRAGMA table_xinfo({table})")]


def indexes_of(engine: apsw.Connection, table: str) -> set[str]:
    asked = "SELECT sql FROM sqlite_schema WHERE tbl_name = ? AND type = 'index'"
    return {re.sub(r"\s+", " ", sql) for (sql,) in engine.execute(asked, (table,)) if sql}


def keys_of(engine: apsw.Connection, table: str) -> set[tuple[object, ...]]:
    return set(engine.execute(f"PRAGMA foreign_key_list({table})"))


def triggers_of(engine: apsw.Connection, table: str) -> list[object]:
    asked = "SELECT name FROM sqlite_schema WHERE tbl_name = ? AND type = 'trigger'"
    return engine.execute(asked, (table,)).fetchall()


@pytest.mark.parametrize(("rebuilding", "table"), TABLES, ids=[table for _, table in TABLES])
def test_a_table_that_is_made_anew_is_the_same_table(rebuilding: Migration, table: str) -> None:
    engine = apsw.Connection(":memory:")
    migrate(engine, before(rebuilding), NOW)
    was = columns_of(engine, table), indexes_of(engine, table), keys_of(engine, table)
    assert triggers_of(engine, table) == [], "they would go with it"
    migrate(engine, EVERY, NOW)
    now = columns_of(engine, table), indexes_of(engine, table), keys_of(engine, table)
    assert now == was
    (kept,) = engine.execute("SELECT wr, strict FROM pragma_table_list(?)", (table,)).fetchall()
    assert kept == (0, 1), "a table of rows in their order, and strict"
    with pytest.raises(apsw.ConstraintError, match="NOT NULL"):
        engine.execute(f"INSERT INTO {table} DEFAULT VALUES")


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


async def test_no_row_is_lost_and_a_server_that_is_older_goes_on(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "counterfoil.db"
    with monkeypatch.context() as older:
        older.setattr(migration, "shipped", lambda _: before(REBUILDING[0]))
        its = open_sqlite(tmp_path, clock)
    await its.transact(filled)
    was = await all_of(its)
    assert len([each for each in was if each is not None]) == 80
    sqlite_file.prepare(path, NOW, os.urandom)
    assert await all_of(its) == was
    await its.transact(lambda tx: tx.families.end("family-3", NOW, "test"))
    await its.transact(lambda tx: tx.authorizations.burn_of_grant("grant-1"))
    await its.transact(lambda tx: tx.families.add(family(id="of-the-older")))
    ours = open_sqlite(tmp_path, clock)
    assert await all_of(ours) == await all_of(its)
    ended = await ours.read(lambda tx: tx.families.find("family-3"))
    assert ended is not None
    assert ended.ended_why == "test"
    assert await ours.read(lambda tx: tx.families.find("of-the-older")) is not None
    for each in (its, ours):
        await each.close()
    engine = apsw.Connection(str(path))
    assert engine.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert engine.execute("PRAGMA foreign_key_check").fetchall() == []
