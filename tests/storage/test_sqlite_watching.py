"""What the writing connection remembers is forgotten before it can be wrong."""

from pathlib import Path

import pytest

from counterfoil.oauth.errors import invalid_request
from counterfoil.server.records.client import Client
from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.failures import Conflict, StoreUnavailable
from counterfoil.server.records.store import Transaction
from counterfoil.server.storage.remembered import TABLES
from counterfoil.server.storage.sqlite import SqliteStore
from counterfoil.server.storage.sqlite_watching import WatchingConnection
from tests.storage.conftest import Clock, open_sqlite
from tests.storage.samples import NOTES, NOW, api, client, client_secret

pytestmark = pytest.mark.anyio


async def add_notes(store: SqliteStore) -> None:
    await store.transact(lambda tx: tx.apis.add(api()))
    await store.transact(lambda tx: tx.clients.add(client()))
    await store.transact(lambda tx: tx.clients.add_secret(client_secret()))


async def found_in(store: SqliteStore) -> Client | None:
    return await store.transact(lambda tx: tx.clients.find("notes-web"))


async def test_works_that_change_nothing_of_it_read_it_once(sqlite: SqliteStore):
    await add_notes(sqlite)
    found = await found_in(sqlite)
    await sqlite.transact(lambda tx: tx.leases.take("sweep", "me", 60))
    assert await found_in(sqlite) is found


async def test_what_another_process_changes_is_seen_by_the_next_work(
    sqlite: SqliteStore, tmp_path: Path, clock: Clock
):
    await add_notes(sqlite)
    assert await found_in(sqlite) == client()
    other = open_sqlite(tmp_path, clock)
    await other.transact(lambda tx: tx.clients.disable("notes-web", NOW + 1))
    assert await found_in(sqlite) == client(disabled_at=NOW + 1)
    await other.transact(lambda tx: tx.clients.enable("notes-web"))
    await other.close()
    assert await found_in(sqlite) == client()


async def test_what_a_work_changes_it_sees_itself(sqlite: SqliteStore):
    await add_notes(sqlite)

    async def work(tx: Transaction) -> None:
        before = await tx.apis.find(NOTES)
        assert before is not None
        generation = await tx.apis.next_generation(NOTES)
        after = await tx.apis.find(NOTES)
        assert after is not None
        assert after.generation == generation == before.generation + 1
        await tx.clients.expire_secret("secret-1", NOW + 2)
        [secret] = await tx.clients.secrets_of("notes-web")
        assert secret.expires_at == NOW + 2
        await tx.default_lifetimes.keep(DefaultLifetime(60, 1))
        assert await tx.default_lifetimes.find() == DefaultLifetime(60, 1)

    await sqlite.transact(work)


async def disable_and_look(tx: Transaction) -> None:
    await tx.clients.disable("notes-web", NOW + 1)
    changed = await tx.clients.find("notes-web")
    assert changed is not None
    assert not changed.is_enabled


async def test_what_a_refused_work_changed_is_forgotten_with_it(sqlite: SqliteStore):
    await add_notes(sqlite)

    async def work(tx: Transaction) -> None:
        await disable_and_look(tx)
        raise invalid_request("no")

    with pytest.raises(Exception, match="no"):
        await sqlite.transact(work)
    assert await found_in(sqlite) == client()


async def test_what_an_attempt_within_a_work_changed_is_forgotten_with_it(sqlite: SqliteStore):
    await add_notes(sqlite)

    async def attempted(tx: Transaction) -> None:
        await disable_and_look(tx)
        raise invalid_request("no")

    async def work(tx: Transaction) -> Client | None:
        with pytest.raises(Exception, match="no"):
            await tx.attempt(attempted)
        return await tx.clients.find("notes-web")

    assert await sqlite.transact(work) == client()


async def test_what_a_failed_commit_would_have_changed_is_forgotten(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
):
    await add_notes(sqlite)
    commits = sqlite._commits
    with monkeypatch.context() as patched:
        patched.setattr(commits, "_in_thread", _fails)
        with pytest.raises(StoreUnavailable):
            await sqlite.transact(disable_and_look)
    assert await found_in(sqlite) == client()


async def _fails(step: object) -> None:
    raise OSError("the disk is full")


async def test_a_statement_that_the_engine_refuses_is_taken_for_a_change(sqlite: SqliteStore):
    await add_notes(sqlite)
    found = await found_in(sqlite)
    with pytest.raises(Conflict):
        await sqlite.transact(lambda tx: tx.clients.add(client()))
    assert await found_in(sqlite) is not found


@pytest.mark.parametrize(
    ("sql", "changes"),
    [
        ("SELECT 1 FROM clients", False),
        ("\nSELECT seconds FROM default_lifetime", False),
        ("UPDATE clients SET disabled_at = ?", True),
        ("\nDELETE FROM client_secrets WHERE id IN (SELECT 1)", True),
        ("WITH a AS (SELECT 1) UPDATE apis SET name = ?", True),
        ("INSERT INTO refresh_limits (one) VALUES (1)", True),
        ("UPDATE families SET last_used_at = ?", False),
        ("UPDATE sessions SET clients_seen = 1", False),
        ("SAVEPOINT attempt", False),
        ("RELEASE SAVEPOINT attempt", False),
        ("ROLLBACK TO SAVEPOINT attempt", True),
    ],
)
def test_statements_are_judged_by_their_text(sql: str, *, changes: bool):
    assert WatchingConnection(TABLES)._may_change(sql) is changes
