"""Expand, then contract: what a newer version adds hinders nobody; what it takes is announced."""

import ast
import re
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import asyncpg
import pytest

from counterfoil.server.records.server_process import Demand, ServerProcess
from counterfoil.server.records.store import Store
from counterfoil.server.storage import __path__ as storage_path
from counterfoil.server.storage import migration, postgres_schema, sqlite_file
from counterfoil.server.storage.migration import (
    OF_ONE_ENGINE,
    Applied,
    Ledger,
    Migration,
    UnknownDatabase,
    from_texts,
    newest,
    shipped,
)
from counterfoil.server.storage.postgres_connection import LockHeld, Wire
from counterfoil.server.storage.sqlite_schema import contract, migrate, read_ledger
from tests import newer
from tests.storage.conftest import Clock, Engine, open_postgres, open_sqlite
from tests.storage.migration_rules import statements_in, wrong_in
from tests.storage.samples import NOW, add_people, family, user

BEFORE_THE_RULE = 11
"""What was there before servers told what they know: it was never applied beside an older one."""
ENGINES = ("sqlite", "postgres")


def applied(*migrations: Migration) -> tuple[Applied, ...]:
    return tuple(Applied(each.number, each.name, each.checksum, NOW) for each in migrations)


ONE = Migration(1, "0001_a.sql", "CREATE TABLE a (x)")
TWO = Migration(2, "0002_b.sql", "CREATE TABLE b (x)")
HEAD = "-- contract: servers that know 0002, of version 0.3 or newer, may serve after this.\n"
THREE = Migration(3, "0003_c.sql", HEAD + "DROP TABLE a")


def test_a_contract_says_so_in_its_head() -> None:
    assert TWO.demand is None
    assert THREE.demand == Demand(3, 2, "0.3")


def test_what_a_newer_version_added_is_nobodys_hindrance() -> None:
    ledger = Ledger(applied(ONE, TWO))
    assert ledger.missing([ONE]) == []


def test_whoever_does_not_know_what_is_demanded_is_told_what_to_install() -> None:
    ledger = Ledger(applied(ONE, TWO, THREE), Demand(3, 2, "0.3"))
    with pytest.raises(UnknownDatabase, match=r"needs Counterfoil 0\.3 or newer.*0002.*0001"):
        ledger.missing([ONE])
    assert ledger.missing([ONE, TWO]) == []


def test_a_contract_waits_until_it_is_asked_for_and_what_adds_does_not() -> None:
    four = Migration(4, "0004_d.sql", "CREATE TABLE d (x)")
    ledger = Ledger(applied(ONE))
    assert ledger.due([ONE, TWO, THREE, four]) == [TWO, four]
    assert ledger.missing([ONE, TWO, THREE, four]) == [TWO, THREE, four]


def test_in_a_new_database_there_is_nobody_to_wait_for() -> None:
    assert Ledger().due([ONE, TWO, THREE]) == [ONE, TWO, THREE]


def test_servers_are_told_apart_by_what_is_for_every_engine() -> None:
    assert newest([ONE, TWO, Migration(1001, "1001_x.sql", "")]) == 2
    assert newest([]) == 0


def test_a_migration_whose_text_has_changed_is_refused(tmp_path: Path) -> None:
    engine = apsw.Connection(str(tmp_path / "db"))
    migrate(engine, [ONE], NOW)
    with pytest.raises(UnknownDatabase, match=r"0001_a\.sql"):
        migrate(engine, [Migration(1, "0001_a.sql", "CREATE TABLE a (y)")], NOW)
    engine.close()


def test_a_migration_that_fails_leaves_nothing_and_those_before_it_stand(tmp_path: Path) -> None:
    engine = apsw.Connection(str(tmp_path / "db"))
    good = Migration(2, "0002_b.sql", "CREATE TABLE b (x)")
    bad = Migration(3, "0003_c.sql", "CREATE TABLE c (x); CREATE TABLE a (x)")
    with pytest.raises(apsw.SQLError, match="already exists"):
        migrate(engine, [ONE, bad], NOW)
    assert tables_in(engine) == set(), "a new file is made at once, or not at all"
    migrate(engine, [ONE], NOW)
    with pytest.raises(apsw.SQLError, match="already exists"):
        migrate(engine, [ONE, good, bad], NOW)
    assert tables_in(engine) == {"migrations", "a", "b"}
    assert read_ledger(engine) == Ledger(applied(ONE, good))
    engine.close()


def tables_in(engine: apsw.Connection) -> set[str]:
    return {name for (name,) in engine.execute("SELECT name FROM sqlite_schema")}


def test_all_of_a_migration_is_applied_though_a_statement_answers(tmp_path: Path) -> None:
    engine = apsw.Connection(str(tmp_path / "a.db"))
    answers = "CREATE TABLE a (x); SELECT 1; CREATE TABLE b (x)"
    migrate(engine, [Migration(1, "0001_a.sql", answers)], NOW)
    assert engine.execute("SELECT count(*) FROM b").get == 0


def test_what_is_applied_is_not_applied_again(tmp_path: Path) -> None:
    engine = apsw.Connection(str(tmp_path / "db"))
    migrate(engine, [ONE], NOW)
    migrate(engine, [ONE, TWO], NOW)
    migrate(engine, [ONE, TWO], NOW)
    assert read_ledger(engine) == Ledger(applied(ONE, TWO))
    engine.close()


def test_no_number_is_given_twice() -> None:
    for engine in ENGINES:
        numbers = [each.number for each in shipped(engine)]
        assert numbers == sorted(set(numbers))
    assert all(each.number < OF_ONE_ENGINE for each in shipped())


@pytest.mark.parametrize("engine", ENGINES)
def test_what_does_not_say_that_it_takes_something_away_only_adds(engine: str) -> None:
    """Else an older server that runs would fail statement by statement."""
    checked = [each for each in shipped(engine) if each.number > BEFORE_THE_RULE]
    assert checked
    for each in checked:
        if each.demand is None:
            assert "-- contract" not in each.sql, f"{each.name}: its head is misspelled"
            assert wrong_in(each.sql) == [], each.name


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE users;",
        "DROP INDEX grants_live;",
        "DROP TRIGGER clients_change ON clients;",
        "ALTER TABLE users DROP COLUMN name;",
        "ALTER TABLE users RENAME TO people;",
        "ALTER TABLE users RENAME COLUMN name TO full_name;",
        "ALTER TABLE users ADD COLUMN age INTEGER NOT NULL;",
        "ALTER TABLE users ADD COLUMN age INTEGER CHECK (age > 0);",
        "ALTER TABLE users ADD COLUMN nick TEXT UNIQUE;",
        "ALTER TABLE users ALTER COLUMN name SET NOT NULL;",
        "ALTER TABLE users ALTER COLUMN name TYPE BIGINT;",
        "ALTER TABLE users ADD CONSTRAINT named CHECK (name <> '');",
        "CREATE UNIQUE INDEX users_by_name ON users (name);",
        "UPDATE users SET name = '' WHERE name IS NULL;",
        "DELETE FROM users;",
        "INSERT INTO users (id) VALUES ('x');",
        "CREATE TRIGGER t BEFORE INSERT ON users BEGIN SELECT RAISE(ABORT, 'no'); END;",
        "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;"
        "CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f();",
        "TRUNCATE users;",
        "CREATE TABLE a (x TEXT); DROP TABLE users;",
        "-- only adds\nDROP TABLE users; -- CREATE TABLE users",
    ],
)
def test_what_would_be_in_the_way_of_older_servers_is_found(sql: str) -> None:
    assert wrong_in(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE a (x TEXT NOT NULL, UNIQUE (x)); CREATE UNIQUE INDEX a_x ON a (x);",
        "ALTER TABLE users ADD COLUMN age INTEGER; UPDATE users SET age = 1 WHERE age IS NULL;",
        "ALTER TABLE users ADD COLUMN age INTEGER NOT NULL DEFAULT 0;",
        "CREATE INDEX users_by_name ON users (name);",
        "CREATE TABLE a (x TEXT); INSERT INTO a (x) VALUES ('y');",
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = 1; UPDATE b SET y = 2; END;",
        "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN NEW.a = 1; RETURN NEW; END $$;",
        "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;",
    ],
)
def test_what_only_adds_is_allowed(sql: str) -> None:
    assert wrong_in(sql) == []
    assert len(statements_in(sql)) <= 2


def test_statements_name_every_column_that_they_read_or_write() -> None:
    """Tables have columns more when a newer version runs beside this one."""
    found = dict(sql_texts())
    assert len(found) > 100
    loose = re.compile(
        r"SELECT\s+\*|\w\.\*|RETURNING\s+\*|INSERT\s+INTO\s+\w+\s+(VALUES|SELECT|DEFAULT)", re.I
    )
    assert [name for name, text in found.items() if loose.search(text)] == []
    assert loose.search("SELECT * FROM a")
    assert loose.search("INSERT INTO a VALUES (1)")


def sql_texts() -> list[tuple[str, str]]:
    """Every text in the storage that is SQL, wherever it stands."""
    words = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|RETURNING)\b")
    found = []
    for path in Path(storage_path[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and words.search(node.value):
                found.append((f"{path.name}:{node.lineno}:{node.col_offset}", node.value))
    return found


@pytest.fixture
async def older(engine: Engine, clock: Clock) -> AsyncIterator[Store]:
    """This version's store, opened before the next version came."""
    opened = await engine.open(clock)
    await opened.transact(add_people)
    yield opened
    await opened.close()


async def contract_at(engine: Engine) -> None:
    if engine.name == "postgres":
        await postgres_schema.contract(Wire(engine.where, limited=False), NOW)
    else:
        sqlite_file.contract_file(Path(engine.where), NOW)


async def ledger_at(engine: Engine) -> Ledger:
    if engine.name == "postgres":
        return await postgres_schema.ledger_at(Wire(engine.where))
    return sqlite_file.ledger_in(Path(engine.where))


@pytest.mark.anyio
async def test_both_versions_work_on_what_the_newer_has_expanded(
    older: Store, engine: Engine, clock: Clock
) -> None:
    """Statements that were prepared before, and all others, in both directions."""
    await older.transact(lambda tx: tx.families.add(family(id="before")))
    with pytest.MonkeyPatch.context() as patch:
        newer.become(patch.setattr)
        theirs = await engine.open(clock)
        await theirs.transact(lambda tx: tx.families.add(family(id="theirs")))
    await older.transact(lambda tx: tx.families.add(family(id="mine")))
    for store in (older, theirs):
        for each in ("before", "theirs", "mine"):
            found = await store.read(lambda tx, each=each: tx.families.find(each))
            assert found == family(id=each)
    again = await engine.open(clock)
    assert await again.read(lambda tx: tx.users.find("ada")) is not None
    await again.transact(lambda tx: tx.users.add(user(id="more", email="more@example.com")))
    for store in (theirs, again):
        await store.close()
    names = [each.name for each in (await ledger_at(engine)).applied]
    assert newer.EXPAND in names
    assert newer.CONTRACT not in names, "it was not asked for"


@pytest.mark.anyio
async def test_after_a_contract_an_older_version_cannot_open(
    older: Store, engine: Engine, clock: Clock
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        newer.become(patch.setattr)
        await (await engine.open(clock)).close()
        await contract_at(engine)
        await contract_at(engine)
        await (await engine.open(clock)).close()
    assert (await ledger_at(engine)).demand == Demand(902, 901, "99.1")
    with pytest.raises(UnknownDatabase, match=r"needs Counterfoil 99\.1 or newer"):
        await engine.open(clock)


@pytest.mark.anyio
async def test_a_new_database_needs_no_contract_later(engine: Engine, clock: Clock) -> None:
    with pytest.MonkeyPatch.context() as patch:
        newer.become(patch.setattr)
        await (await engine.open(clock, anew=True, template="template0")).close()
        ledger = await ledger_at(engine)
        assert ledger.missing(newer.shipped(engine.name)) == []
    assert ledger.demand == Demand(902, 901, "99.1")


@pytest.mark.anyio
async def test_who_serves_is_noted_until_it_leaves_or_is_silent(store: Store, clock: Clock) -> None:
    first = ServerProcess("a", "0.1", 913, "here process 1")
    second = ServerProcess("b", "0.0", 912, "there process 2")
    for each in (first, second):
        told = await store.transact(lambda tx, each=each: tx.servers.stay(each))
        assert told is None or told.needs < second.knows
    running = await store.read(lambda tx: tx.servers.every())
    assert [(each.id, each.knows) for each in running] == [("b", 912), ("a", 913)]
    await store.transact(lambda tx: tx.servers.leave("a"))
    assert [each.id for each in await store.read(lambda tx: tx.servers.every())] == ["b"]
    clock.now = running[0].until
    assert await store.read(lambda tx: tx.servers.every()) == []
    assert await store.transact(lambda tx: tx.sweep(10)) == 1


@pytest.mark.anyio
async def test_the_greatest_demand_is_told_to_whoever_stays(store: Store) -> None:
    for number, needs in ((915, 914), (917, 916), (918, 912)):
        demand = Demand(number, needs, f"0.{needs}")
        await store.transact(lambda tx, demand=demand: tx.servers.announce(demand))
    process = ServerProcess("a", "0.1", 913, "here")
    told = await store.transact(lambda tx: tx.servers.stay(process), beside=True)
    assert told == Demand(917, 916, "0.916") == await store.read(lambda tx: tx.servers.demanded())
    await store.transact(lambda tx: tx.servers.announce(Demand(917, 916, "0.916")))


@pytest.mark.anyio
@pytest.mark.postgres
async def test_a_migration_that_waits_for_a_table_lets_others_pass(
    database: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup that reads for an hour must not hold up every request behind the migration."""
    monkeypatch.setattr(postgres_schema, "_TRIES", 2)
    monkeypatch.setattr(postgres_schema, "_PAUSE_SECONDS", 0)
    newer.become(monkeypatch.setattr)
    reader = await asyncpg.connect(database)
    await reader.execute("BEGIN; SELECT id FROM users")
    with pytest.raises(LockHeld, match="pg_locks"):
        await open_postgres(database, clock)
    await reader.execute("COMMIT")
    await reader.close()
    await (await open_postgres(database, clock)).close()


@pytest.mark.anyio
async def test_contracts_of_a_file_are_applied_once(tmp_path: Path, clock: Clock) -> None:
    await open_sqlite(tmp_path, clock).close()
    engine = apsw.Connection(str(tmp_path / "counterfoil.db"))
    migrations = newer.shipped("sqlite")
    migrate(engine, migrations, NOW)
    assert [each.name for each in read_ledger(engine).missing(migrations)] == [newer.CONTRACT]
    contract(engine, migrations, NOW)
    contract(engine, migrations, NOW)
    assert read_ledger(engine).missing(migrations) == []
    engine.close()


def test_texts_are_taken_in_the_order_of_their_numbers() -> None:
    texts = {"0002_b.sql": "b", "0001_a.sql": "a"}
    assert [each.number for each in from_texts(texts)] == [1, 2]
    assert migration.from_texts(texts)[0].sql == "a"
