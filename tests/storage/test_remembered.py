"""What the reading connection remembers of clients and APIs never outlives a change of them."""

from pathlib import Path

import pytest

from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.refresh_limits import NotedLimits, RefreshLimits
from counterfoil.server.records.store import Transaction, Work
from counterfoil.server.storage import remembered
from counterfoil.server.storage.remembered import RememberedClients
from counterfoil.server.storage.sqlite import SqliteStore
from counterfoil.server.storage.statements.clients import EXPIRED_SECRET_KEPT_SECONDS
from tests.storage.conftest import Clock, open_sqlite
from tests.storage.samples import NOTES, NOW, api, client, client_secret

pytestmark = pytest.mark.anyio

LIMITS = RefreshLimits(60, 600, 70, 700)


CHANGES: list[Work[object]] = [
    lambda tx: tx.default_lifetimes.keep(DefaultLifetime(60, 1)),
    lambda tx: tx.limit_notes.keep(NotedLimits(LIMITS, LIMITS, "f")),
    lambda tx: tx.clients.disable("notes-web", NOW + 1),
    lambda tx: tx.clients.expire_secret("secret-1", NOW + 2),
    lambda tx: tx.clients.add_secret(client_secret(id="secret-2", digest=bytes(32))),
    lambda tx: tx.apis.next_generation(NOTES),
    lambda tx: tx.apis.add(api(uri="https://other.example")),
]


async def everything(store: SqliteStore) -> list[object]:
    return [
        await store.read(lambda tx: tx.clients.find("notes-web")),
        await store.read(lambda tx: tx.clients.secrets_of("notes-web")),
        await store.read(lambda tx: tx.apis.find(NOTES)),
        await store.read(lambda tx: tx.apis.every()),
        await store.read(lambda tx: tx.default_lifetimes.find()),
        await store.read(lambda tx: tx.limit_notes.find()),
    ]


async def add_notes(store: SqliteStore) -> None:
    await store.transact(lambda tx: tx.apis.add(api()))
    await store.transact(lambda tx: tx.clients.add(client()))
    await store.transact(lambda tx: tx.clients.add_secret(client_secret()))


async def test_only_so_many_clients_are_remembered_however_many_there_are(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "MOST_CLIENTS", 3)
    names = [f"client-{number}" for number in range(7)]

    async def adds(tx: Transaction) -> None:
        for name in names:
            await tx.clients.add(client(client_id=name))
            await tx.clients.add_secret(
                client_secret(id=name, client_id=name, digest=name.encode())
            )

    async def looks(tx: Transaction) -> set[str]:
        for name in names:
            assert (await tx.clients.find(name)) == client(client_id=name)
            assert [each.id for each in await tx.clients.secrets_of(name)] == [name]
        assert isinstance(tx.clients, RememberedClients)
        assert tx.clients._secrets.keys() == tx.clients._found.keys()
        return set(tx.clients._found)

    await sqlite.transact(adds)
    for run in (sqlite.read, sqlite.transact):
        assert await run(looks) == set(names[-3:])
        assert await run(looks) == set(names[-3:])


async def test_what_was_read_once_is_the_same_object_until_something_of_it_is_changed(
    sqlite: SqliteStore,
) -> None:
    await add_notes(sqlite)
    found = await sqlite.read(lambda tx: tx.clients.find("notes-web"))
    assert await sqlite.read(lambda tx: tx.clients.find("notes-web")) is found
    await sqlite.transact(lambda tx: tx.leases.take("sweep", "me", 60))
    assert await sqlite.read(lambda tx: tx.clients.find("notes-web")) is found
    await sqlite.transact(lambda tx: tx.apis.next_generation(NOTES))
    again = await sqlite.read(lambda tx: tx.clients.find("notes-web"))
    assert again == found
    assert again is not found


async def test_a_change_by_another_connection_is_seen_by_the_next_reading(
    sqlite: SqliteStore, tmp_path: Path, clock: Clock
) -> None:
    """Every process sees the others' endings."""
    await add_notes(sqlite)
    other = open_sqlite(tmp_path, clock)
    await other.transact(lambda tx: tx.default_lifetimes.keep(DefaultLifetime(600)))
    await other.transact(lambda tx: tx.limit_notes.keep(NotedLimits(LIMITS, LIMITS)))
    before = await everything(sqlite)
    for change in CHANGES:
        await other.transact(change)
        after = await everything(sqlite)
        assert after != before
        assert after == await everything(other)
        before = after
    await other.close()


async def test_names_that_are_not_there_are_not_remembered(sqlite: SqliteStore) -> None:
    for number in range(50):
        name = f"nobody-{number}"
        assert await sqlite.read(lambda tx, name=name: tx.clients.find(name)) is None
        assert await sqlite.read(lambda tx, name=name: tx.clients.secrets_of(name)) == []
    remembered = sqlite._view.clients
    assert not remembered._found
    assert not remembered._secrets


async def test_a_secret_that_was_swept_is_not_remembered(
    sqlite: SqliteStore, tmp_path: Path, clock: Clock
) -> None:
    await add_notes(sqlite)
    await sqlite.transact(lambda tx: tx.clients.expire_secret("secret-1", NOW))
    assert await sqlite.read(lambda tx: tx.clients.secrets_of("notes-web"))
    clock.now = NOW + EXPIRED_SECRET_KEPT_SECONDS
    other = open_sqlite(tmp_path, clock)
    assert await other.transact(lambda tx: tx.clients.sweep(10)) == 1
    await other.close()
    assert await sqlite.read(lambda tx: tx.clients.secrets_of("notes-web")) == []


async def test_decisions_go_with_what_they_rest_on_and_are_so_many_at_most(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "MOST_DECISIONS", 3)
    await add_notes(sqlite)

    async def keep(tx: Transaction) -> None:
        for number in range(5):
            await tx.decisions.keep(b"%d" % number, number)

    async def kept(tx: Transaction) -> list[object | None]:
        return [await tx.decisions.find(b"%d" % number) for number in range(5)]

    for change in CHANGES:
        await sqlite.read(keep)
        assert await sqlite.read(kept) == [None, None, 2, 3, 4]
        await sqlite.transact(change)
        assert await sqlite.read(kept) == [None] * 5


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "by another process"])
async def test_a_glance_is_as_fresh_as_a_look(
    sqlite: SqliteStore, tmp_path: Path, clock: Clock, elsewhere: bool
) -> None:
    await add_notes(sqlite)
    other = open_sqlite(tmp_path, clock) if elsewhere else sqlite

    async def keep(tx: Transaction) -> None:
        await tx.decisions.keep(b"name", "decided")

    async def kept(tx: Transaction) -> object | None:
        return await tx.decisions.find(b"name")

    for change in CHANGES:
        await sqlite.read(keep)
        assert await sqlite.glance(kept) == "decided"
        await other.transact(lambda tx: tx.sealed.raise_to("of another kind", tx.now))
        assert await sqlite.glance(kept) == "decided"
        await other.transact(change)
        assert await sqlite.glance(kept) is None
    await other.close()


async def test_a_glance_at_rows_fails(sqlite: SqliteStore) -> None:
    """They would be of another moment than what is remembered."""
    await add_notes(sqlite)
    await sqlite.read(lambda tx: tx.grants.find("g"))
    with pytest.raises(RuntimeError, match="outside of its work"):
        await sqlite.glance(lambda tx: tx.grants.find("g"))
