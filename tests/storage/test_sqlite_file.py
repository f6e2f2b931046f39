"""The file: its engine, its mode, its migrations, and who else has it open."""

import asyncio
import secrets
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.storage.migration import shipped
from counterfoil.server.storage.sqlite import SqliteStore
from counterfoil.server.storage.sqlite_file import (
    UnsupportedSqlite,
    create,
    demand_sqlite,
    open_reader,
    open_writer,
)
from counterfoil.server.storage.statements import __path__ as statements_path
from tests.storage.conftest import Clock, open_sqlite
from tests.storage.samples import user

OPEN_AND_TELL = """
import asyncio, secrets, sys
from pathlib import Path
from counterfoil.server.storage.sqlite import SqliteStore

async def epoch():
    store = SqliteStore.open(Path(sys.argv[1]), clock=lambda: 1, random=secrets.token_bytes)
    position, _ = await store.read(lambda tx: tx.notices.head())
    await store.close()
    return position.epoch

print(asyncio.run(epoch()))
"""


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.9.99", "2.99.99"])
def test_an_sqlite_that_can_corrupt_a_shared_file_is_refused(version: str) -> None:
    with pytest.raises(UnsupportedSqlite, match=rf"SQLite {version} .* 3\.51\.3 or newer"):
        demand_sqlite(version)


@pytest.mark.parametrize(
    "version", ["3.51.3", "3.54.1", "3.100.0", "4.0.0", apsw.sqlite_lib_version()]
)
def test_an_sqlite_without_that_fault_is_accepted(version: str) -> None:
    demand_sqlite(version)


def test_the_store_does_not_open_on_an_old_sqlite(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(UnsupportedSqlite):
        open_sqlite(tmp_path, clock)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_the_files_are_their_owners_alone(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "new" / "data"
    store = open_sqlite(folder, clock)
    await store.transact(lambda tx: tx.users.add(user()))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert modes == {
        "counterfoil.db": 0o600,
        "counterfoil.db-wal": 0o600,
        "counterfoil.db-shm": 0o600,
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    await store.close()
    assert [file.name for file in folder.iterdir()] == ["counterfoil.db"]


@pytest.mark.anyio
async def test_every_connection_is_set_for_durability(sqlite: SqliteStore) -> None:
    await sqlite.read(lambda tx: tx.users.every())
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "mmap_size": 0}
    wanted |= {"trusted_schema": 0, "temp_store": 0, "journal_size_limit": 1 << 26}
    for engine in (sqlite._commits._connection.engine, sqlite._reading.engine):
        assert engine is not None
        assert {name: engine.pragma(name) for name in wanted} == wanted


def test_a_plan_outlives_the_values_that_are_bound(tmp_path: Path) -> None:
    """Or each look into an index, and each join, would be planned anew every time."""
    path = tmp_path / "counterfoil.db"
    create(path)
    for engine in (open_writer(path), open_reader(path)):
        assert engine.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1
        engine.close()


@pytest.mark.anyio
async def test_what_was_stored_and_the_feeds_epoch_outlive_the_store(
    tmp_path: Path, clock: Clock
) -> None:
    first = open_sqlite(tmp_path, clock)
    await first.transact(lambda tx: tx.users.add(user()))
    head = await first.read(lambda tx: tx.notices.head())
    await first.close()
    second = open_sqlite(tmp_path, clock)
    assert await second.read(lambda tx: tx.users.every()) == [user()]
    assert await second.read(lambda tx: tx.notices.head()) == head
    await second.close()


def test_processes_that_open_a_new_file_at_once_agree_on_one_feed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPEN_AND_TELL, str(tmp_path / "db")]
    openers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    told = [opener.communicate(timeout=60)[0] for opener in openers]
    assert [opener.returncode for opener in openers] == [0] * 4
    assert len(set(told)) == 1
    assert told[0].strip()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "counterfoil.db").write_bytes(b"not a database" * 1_000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        open_sqlite(tmp_path, clock)


SMALL = {"feed", "signing_keys", "apis", "clients", "feed_keys_before", "audit_segments"}
SMALL |= {"server_processes", "contracts", "fence", "sqlite_schema"}
# Settings bound them, and to see that they are full is to count them.
SMALL |= {"device_requests", "outbox"}
# An administrator gives each, and those that are over are swept.
SMALL |= {"mint_rights", "CONSTANT"}
LISTINGS = {"_EVERY", "_LIVE", "_SELECT", "_BY_GRANT", "_MADE"}


def test_no_statement_scans_a_table_that_grows() -> None:
    """What is done for every request, and every sweep, costs the same in a large database."""
    engine = apsw.Connection(":memory:")
    for migration in shipped():
        engine.execute(migration.sql)
    scans = []
    for name, sql in statements():
        if name.startswith("beginnings."):
            continue  # done once, to all there is
        plan = engine.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?")).fetchall()
        scans += [
            (name, detail)
            for *_, detail in plan
            if detail.startswith("SCAN")
            and detail.split()[1] not in SMALL
            and not detail.endswith(" INDEX administrators")  # it holds those alone
        ]
    engine.close()
    assert scans == []


def statements() -> list[tuple[str, str]]:
    import importlib
    import pkgutil

    found = []
    for info in pkgutil.iter_modules(statements_path):
        module = importlib.import_module(f"counterfoil.server.storage.statements.{info.name}")
        found += [
            (f"{info.name}.{name}", text)
            for name, text in vars(module).items()
            if isinstance(text, str)
            and name not in LISTINGS
            and text.lstrip().startswith(("SELECT ", "UPDATE ", "DELETE "))
        ]
    assert len(found) > 40
    return found


@pytest.mark.anyio
async def test_two_stores_on_one_file_see_each_others_commits(tmp_path: Path, clock: Clock) -> None:
    """Rows cached under another version are stale, whoever committed."""
    mine, theirs = open_sqlite(tmp_path, clock), open_sqlite(tmp_path, clock)
    before = mine.version(), theirs.version()
    await mine.transact(lambda tx: tx.users.add(user()))
    assert mine.version() != before[0]
    assert theirs.version() != before[1]
    assert await theirs.read(lambda tx: tx.users.every()) == [user()]
    await asyncio.gather(mine.close(), theirs.close())


@pytest.mark.anyio
async def test_no_version_comes_twice_though_the_reader_is_opened_anew(
    sqlite: SqliteStore,
) -> None:
    seen = []
    for number in range(3):
        new = user(id=str(number), email=str(number))
        await sqlite.transact(lambda tx, new=new: tx.users.add(new))
        seen.append(sqlite.version())
        sqlite._drop_reader()
    assert len(set(seen)) == 3


def test_one_store_serves_one_event_loop_after_another(tmp_path: Path, clock: Clock) -> None:
    store = SqliteStore.open(tmp_path / "db", clock=clock, random=secrets.token_bytes)
    for number in range(3):
        new = user(id=str(number), email=str(number))
        asyncio.run(store.transact(lambda tx, new=new: tx.users.add(new)))
    assert len(asyncio.run(store.read(lambda tx: tx.users.every()))) == 3
    asyncio.run(store.close())
