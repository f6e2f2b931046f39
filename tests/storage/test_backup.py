"""Backups, on every engine: one moment, whole, and of use only as they were made."""

import hashlib
import secrets
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
import pytest

from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.records.fence import Fence, FenceState
from counterfoil.server.records.store import Store
from counterfoil.server.storage import migration
from counterfoil.server.storage.migration import Migration, UnknownDatabase, shipped
from counterfoil.server.storage.moving import backup, ends, files, tables
from counterfoil.server.storage.moving.backup import About, Manifest, verify, write
from counterfoil.server.storage.moving.copying import Ends
from counterfoil.server.storage.moving.ends import End, MoveRefused
from counterfoil.server.storage.moving.loading import load
from counterfoil.server.storage.moving.sqlite_end import SqliteEnd
from counterfoil.server.storage.moving.sums import Progress
from tests import newer
from tests.storage.conftest import Clock, Engine
from tests.storage.moving import all_rows, fill_every_table, said_nothing
from tests.storage.samples import NOW, user

pytestmark = pytest.mark.anyio


def sealed(digest: bytes) -> bytes:
    return b"sealed " + digest


def opened(seal: bytes) -> bytes:
    return seal.removeprefix(b"sealed ")


ABOUT = About("1.2.3", "https://id.example", NOW, sealed)


def file_at(path: Path) -> SqliteEnd:
    return SqliteEnd.make(path, secrets.token_bytes)


async def written(source: End, path: Path) -> Manifest:
    file = file_at(path)
    try:
        return await write(source, file, ABOUT, said_nothing)
    finally:
        await file.close()
        await source.close()


@pytest.fixture
async def made(tmp_path: Path, clock: Clock) -> Path:
    """A backup of a small installation."""
    engine = Engine("sqlite", tmp_path, None)
    store = await engine.open(clock, anew=True)
    await store.transact(lambda tx: tx.users.add(user()))
    await store.close()
    path = tmp_path / "backup"
    await written(await engine.end(), path)
    return path


async def test_every_row_is_there_as_of_one_moment(
    store: Store, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written while the backup is, is not in it; and it holds nobody up."""
    filling = await engine.end()
    await fill_every_table(filling)
    before = await all_rows(filling)
    await filling.close()
    source = await engine.end()
    begin_view = source.begin_view

    async def begun_and_written_to() -> None:
        await begin_view()
        await store.transact(lambda tx: tx.users.add(user(id="late", email="late@example.org")))
        await store.transact(lambda tx: tx.notices.append([Notice(Ended.TOKEN, "late", NOW)]))

    monkeypatch.setattr(source, "begin_view", begun_and_written_to)
    manifest = await written(source, tmp_path / "backup")
    assert len(await store.read(lambda tx: tx.users.every())) == len(before["users"]) + 1
    file = file_at(tmp_path / "backup")
    assert await verify(file, opened, said_nothing) == manifest
    assert await all_rows(file) == before
    await file.close()
    (feed,) = before["feed"]
    assert (manifest.epoch, manifest.number) == feed[1:3]
    assert (manifest.made_at, manifest.issuer, manifest.version) == (
        NOW,
        "https://id.example",
        "1.2.3",
    )
    assert {name: each.rows for name, each in manifest.tables.items()} == {
        name: len(rows) for name, rows in before.items()
    }


@pytest.mark.postgres
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
async def test_what_waits_for_its_number_is_numbered_first(
    store: Store, engine: Engine, tmp_path: Path
) -> None:
    """An ending that was committed is in the feed of the backup, though its server has died."""
    await store.close()
    text = Notice(Ended.TOKEN, "a token", NOW + 60).text().hex()
    values = f"'\\x{text}', {NOW + 60}, 'a token'"
    await engine.run(f"INSERT INTO notices_waiting (text, until, token) VALUES ({values})")
    manifest = await written(await engine.end(), tmp_path / "backup")
    assert manifest.number == 1
    assert manifest.tables["notices"].rows == 1


@pytest.mark.postgres
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
async def test_half_a_restore_is_begun_anew_and_nothing_else_is_touched(
    engine: Engine, made: Path
) -> None:
    """What is loaded is drawn anew each time: halves of two would not fit."""
    file = file_at(made)
    await verify(file, opened, said_nothing)
    arriving, held = fence(FenceState.ARRIVING), fence(FenceState.HELD)

    def die(_: Progress) -> None:
        raise RuntimeError

    target = await engine.end(anew=True)
    with pytest.raises(RuntimeError):
        await load(Ends(file, target), arriving, held, die)
    assert await target.fence() == arriving
    other = fence(FenceState.ARRIVING, "another restore")
    with pytest.raises(MoveRefused, match="is not empty"):
        await load(Ends(file, target), other, held, said_nothing)
    await load(Ends(file, target), arriving, held, said_nothing)
    assert await target.fence() == held
    assert await all_rows(target) == await all_rows(file)
    with pytest.raises(MoveRefused, match="is not empty"):
        await load(Ends(file, target), arriving, held, said_nothing)
    await file.close()
    await target.close()


def fence(state: FenceState, move: str = "a restore") -> Fence:
    return Fence(state, move, "a backup", NOW)


async def refused(path: Path, match: str, opens: Callable[[bytes], bytes] = opened) -> None:
    file = file_at(path)
    try:
        with pytest.raises(MoveRefused, match=match):
            await verify(file, opens, said_nothing)
    finally:
        await file.close()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ("UPDATE users SET is_admin = 1", "the rows of users are not those"),
        ("UPDATE users SET password_hash = 'mine'", "the rows of users are not those"),
        ("DELETE FROM users", "the rows of users are not those"),
        ("INSERT INTO marks VALUES ('longest_lifetime', 1)", "the rows of marks"),
        (
            "CREATE TRIGGER mine AFTER INSERT ON users BEGIN UPDATE users SET is_admin = 1; END",
            "its tables are not those",
        ),
        ("CREATE TABLE mine (x TEXT)", "its tables are not those"),
        ("DROP INDEX grants_live", "its tables are not those"),
        ("UPDATE migrations SET number = 900 WHERE number = 9", "its tables are not those"),
        ("UPDATE manifest SET text = x'7b7d'", "its manifest cannot be read"),
        ("UPDATE manifest SET seal = 'text'", "cannot be read|STRICT|cannot store"),
        ("DELETE FROM manifest", "has no manifest"),
        ("DROP TABLE manifest", "has no manifest"),
    ],
)
async def test_a_backup_that_was_changed_is_refused(made: Path, change: str, match: str) -> None:
    """Whoever keeps it might make himself an administrator, or bring back what had ended."""
    with closing(apsw.Connection(str(made))) as engine:
        try:
            engine.execute(change)
        except apsw.ConstraintError as error:
            assert "cannot store" in str(error)  # noqa: PT017 - then it is not changed at all
            return
    await refused(made, match)


async def test_a_manifest_that_fits_but_was_not_sealed_is_refused(made: Path) -> None:
    """To write the sums anew is easy; to seal them is not."""
    with closing(apsw.Connection(str(made))) as engine:
        engine.execute("UPDATE users SET is_admin = 1")
        ((text,),) = engine.execute("SELECT text FROM manifest").fetchall()
        manifest = msgspec.json.decode(text, type=Manifest)
        file = file_at(made)
        users = next(each for each in tables.tables_in(engine) if each.name == "users")
        users_sum = await backup.sum_of(file, users, file.fitted, said_nothing)
        await file.close()
        sums = manifest.tables | {"users": users_sum}
        forged = msgspec.json.encode(msgspec.structs.replace(manifest, tables=sums))
        engine.execute("UPDATE manifest SET text = ?", (forged,))
    await refused(made, "not the one that was sealed")
    await refused(made, "its tables|seal", lambda seal: hashlib.sha256(b"other").digest())


async def test_a_file_that_is_no_backup_is_refused(made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with closing(apsw.Connection(str(other))) as engine:
        engine.execute("CREATE VIEW manifest AS SELECT 1 AS text, 2 AS seal")
    await refused(other, "is no backup")
    with closing(apsw.Connection(str(made))) as engine:
        ((text,),) = engine.execute("SELECT text FROM manifest").fetchall()
        later = text.replace(b"backup 1", b"backup 2")
        engine.execute("UPDATE manifest SET text = ?", (later,))
    await refused(made, "of a form that this version does not know")


async def test_a_backup_of_an_older_version_is_brought_up_to_date(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = [each for each in shipped("sqlite") if each.number != 11]
    engine = Engine("sqlite", tmp_path, None)
    with monkeypatch.context() as patched:
        is_version(patched, lambda _: older)
        store = await engine.open(clock, anew=True)
        await store.transact(lambda tx: tx.users.add(user()))
        await store.close()
        manifest = await written(await engine.end(), tmp_path / "backup")
        assert "sightings" not in manifest.tables
    file = file_at(tmp_path / "backup")
    await verify(file, opened, said_nothing)
    file.upgrade(NOW)
    await file.demand_newest_schema()
    assert (await all_rows(file))["sightings"] == []
    assert len((await all_rows(file))["users"]) == 1
    await file.close()


def is_version(patch: pytest.MonkeyPatch, ships: Callable[[str], list[Migration]]) -> None:
    for module in ("migration", "moving.tables", "moving.sqlite_end"):
        patch.setattr(f"counterfoil.server.storage.{module}.shipped", ships)


async def test_a_backup_of_a_newer_version_is_refused(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a newer version keeps would not be ended, and left out where it is loaded elsewhere."""
    engine = Engine("sqlite", tmp_path, None)
    with monkeypatch.context() as patched:
        is_version(patched, lambda engine: newer.shipped(engine)[:-1])
        await (await engine.open(clock, anew=True)).close()
        await written(await engine.end(), tmp_path / "backup")
    file = file_at(tmp_path / "backup")
    await verify(file, opened, said_nothing)
    with pytest.raises(UnknownDatabase, match=newer.EXPAND):
        file.upgrade(NOW)
    await file.close()


async def test_a_newer_server_that_starts_while_a_backup_begins_is_not_half_backed_up(
    store: Store, engine: Engine, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await engine.end()
    begin_view = source.begin_view

    async def a_newer_one_starts() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(migration, "shipped", newer.shipped)
            await (await engine.open(clock)).close()
        await begin_view()

    monkeypatch.setattr(source, "begin_view", a_newer_one_starts)
    with pytest.raises(MoveRefused, match=newer.EXPAND):
        await written(source, tmp_path / "backup")


async def test_a_backup_can_be_made_while_a_contract_waits(
    store: Store, engine: Engine, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That may be for long: older servers run, and do not know what the newer one has added."""
    await store.transact(lambda tx: tx.users.add(user()))
    is_version(monkeypatch, newer.shipped)
    if engine.name == "postgres":
        module = "counterfoil.server.storage.moving.postgres_end"
        monkeypatch.setattr(f"{module}.shipped", newer.shipped)
    await (await engine.open(clock)).close()
    end = await engine.end()
    before = await all_rows(end)
    assert [each.name for each in await end.contracts_left()] == [newer.CONTRACT]
    manifest = await written(end, tmp_path / "backup")
    assert "later" in manifest.tables
    file = file_at(tmp_path / "backup")
    await verify(file, opened, said_nothing)
    assert [each.name for each in await file.missing()] == [newer.CONTRACT]
    file.upgrade(NOW)
    await file.demand_newest_schema()
    assert await all_rows(file) == before
    await file.close()


async def test_contracts_are_applied_to_a_backup_too(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody serves by it, and what it is loaded into has them."""
    file = file_at(made)
    await verify(file, opened, said_nothing)
    is_version(monkeypatch, newer.shipped)
    file.upgrade(NOW)
    await file.demand_newest_schema()
    await file.close()


async def test_what_is_not_of_this_version_is_not_backed_up(tmp_path: Path, clock: Clock) -> None:
    engine = Engine("sqlite", tmp_path, None)
    await (await engine.open(clock, anew=True)).close()
    await engine.run("DELETE FROM migrations WHERE number = 9")
    with pytest.raises(MoveRefused, match="it lacks 0009"):
        await written(await engine.end(), tmp_path / "backup")


def test_a_file_appears_whole_and_never_over_another(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    with files.draft_beside(path) as draft:
        draft.write_bytes(b"whole")
        assert not path.exists()
        files.publish(draft, path)
    assert path.read_bytes() == b"whole"
    assert [each.name for each in path.parent.iterdir()] == ["file"]
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with files.draft_beside(path) as draft:
        draft.write_bytes(b"other")
        with pytest.raises(MoveRefused, match="has appeared meanwhile"):
            files.publish(draft, path)
    assert path.read_bytes() == b"whole"
    with pytest.raises(MoveRefused, match="is there: move it away"):
        files.demand_nothing_at(path)


async def test_what_stands_in_the_log_only_is_not_put_in_its_place(tmp_path: Path) -> None:
    """Else a backup would stand there as it was, open, and without what has ended in it."""
    path = tmp_path / "counterfoil.db"
    with files.draft_beside(path) as draft:
        file = file_at(draft)
        await file.make_schema(NOW)
        file.engine.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with closing(apsw.Connection(str(draft))) as other:
            await file.put_fence(fence(FenceState.HELD))
            other.execute("BEGIN; SELECT 1 FROM fence")
            await file.close()
            with pytest.raises(MoveRefused, match="-wal was not written into it"):
                files.publish(draft, path)
    files.demand_nothing_at(path)


def test_the_log_of_another_database_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    """SQLite would write what a lost database left beside it into the one that is restored."""
    (tmp_path / "counterfoil.db-wal").touch()
    with pytest.raises(MoveRefused, match=r"counterfoil\.db-wal is there: move it away"):
        files.demand_nothing_at(tmp_path / "counterfoil.db")


def test_only_we_may_read_what_was_copied(tmp_path: Path) -> None:
    (tmp_path / "open").write_bytes(b"SQLite format 3\0secret")
    (tmp_path / "open").chmod(0o644)
    files.take_copy(tmp_path / "open", tmp_path / "draft")
    assert (tmp_path / "draft").stat().st_mode & 0o777 == 0o600


def test_whoever_has_an_older_form_is_told_what_brings_it_up_to_date() -> None:
    adds, takes = newer.shipped("sqlite")[-2:]
    assert ends.older("a file", adds) == (
        f"a file is not in the form of this version (it lacks {newer.EXPAND}): use `counterfoil "
        "database migrate`; one that is shut, with the version that shut it"
    )
    assert ends.older("a file", takes) == (
        f"a file is not in the form of this version (it lacks {newer.CONTRACT}): use `counterfoil "
        "database migrate --contract` when no older server runs"
    )


async def test_indexes_that_lead_elsewhere_are_refused(made: Path) -> None:
    """The rows are as they were, but who is looked up by an address would be somebody else."""
    with closing(apsw.Connection(str(made))) as engine:
        sql = "SELECT sql FROM sqlite_schema WHERE name = 'users_by_age'"
        original = engine.execute(sql).get
        engine.execute("DROP INDEX users_by_age")
        engine.execute("CREATE INDEX users_by_age ON users (created_at, id) WHERE id = ''")
        engine.execute("PRAGMA writable_schema = ON")
        engine.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'users_by_age'", (original,))
    await refused(made, "its indexes are not those of its rows")
