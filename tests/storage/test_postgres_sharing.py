"""Works that share a transaction on PostgreSQL: each as if it had run by itself, or not at all."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.store import Transaction
from counterfoil.server.storage import together
from counterfoil.server.storage.bounded_queue import Bounds
from counterfoil.server.storage.postgres import PostgresStore
from counterfoil.server.storage.postgres_pool import Room
from tests.storage.conftest import Clock
from tests.storage.samples import NOW, add_people, event, family, feed_is_whole, notice, user

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]

Work = Callable[[Transaction], Awaitable[object]]


class Crowd:
    """Many works that are asked for at once, so that most of them share a transaction."""

    def __init__(self, store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.sizes: list[int] = []
        shared = store._besides._service.some

        async def counting(works: list[Work]) -> list[object]:
            self.sizes.append(len(works))
            return await shared(works)

        service = together.Service(store._besides._service.one, counting)
        monkeypatch.setattr(store._besides, "_service", service)

    async def run(self, works: list[Work]) -> list[object]:
        asked = (self.store.transact(work, beside=True) for work in works)
        return await asyncio.gather(*asked, return_exceptions=True)


@pytest.fixture
def crowd(postgres: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    return Crowd(postgres, monkeypatch)


def adds(name: str) -> Work:
    async def work(tx: Transaction) -> str:
        await tx.users.add(user(id=name, email=f"{name}@example.org"))
        await tx.notices.append([notice(name)])
        return name

    return work


async def names(store: PostgresStore) -> set[str]:
    return {each.id for each in await store.read(lambda tx: tx.users.every())}


async def test_many_at_once_share_transactions_and_all_stand(crowd: Crowd) -> None:
    wanted = [f"u{number}" for number in range(60)]
    assert await crowd.run([adds(name) for name in wanted]) == wanted
    assert sum(crowd.sizes) > 30, "they went one by one"
    assert await names(crowd.store) == set(wanted)
    assert await crowd.store.read(feed_is_whole) == 60


async def test_one_that_fails_before_it_wrote_leaves_the_others_as_they_are(crowd: Crowd) -> None:
    async def refuses(tx: Transaction) -> None:
        await tx.users.every()
        raise ZeroDivisionError

    works = [refuses if number % 3 == 0 else adds(f"u{number}") for number in range(60)]
    answers = await crowd.run(works)
    assert sum(isinstance(each, ZeroDivisionError) for each in answers) == 20
    assert await names(crowd.store) == {each for each in answers if isinstance(each, str)}
    assert await crowd.store.read(feed_is_whole) == 40


async def test_what_one_wrote_before_it_failed_is_undone_and_the_others_stand(crowd: Crowd) -> None:
    async def fails(tx: Transaction) -> None:
        await tx.users.add(user(id="ghost", email="ghost@example.org"))
        await tx.notices.append([notice("ghost")])
        await tx.events.append(event(subject="ghost"))
        raise ZeroDivisionError

    works = [fails if number % 10 == 5 else adds(f"u{number}") for number in range(60)]
    answers = await crowd.run(works)
    assert sum(isinstance(each, ZeroDivisionError) for each in answers) == 6
    assert await names(crowd.store) == {each for each in answers if isinstance(each, str)}
    assert len(await names(crowd.store)) == 54
    assert await crowd.store.read(feed_is_whole) == 54


async def test_nothing_is_answered_before_the_commit_that_it_stands_by(
    crowd: Crowd, database: str
) -> None:
    """Whoever hears of one work finds it in the database, with any other connection."""
    connection = await asyncpg.connect(database)
    lock = asyncio.Lock()

    async def asks(name: str) -> bool:
        await crowd.store.transact(adds(name), beside=True)
        async with lock:
            found = await connection.fetchval("SELECT id FROM users WHERE id = $1", name)
        return found == name

    assert all(await asyncio.gather(*(asks(f"u{number}") for number in range(60))))
    assert max(crowd.sizes) > 1
    await connection.close()


async def test_a_refresh_token_that_comes_many_times_at_once_is_rotated_once(crowd: Crowd) -> None:
    """Whether they share a transaction or not."""
    await crowd.store.transact(add_people)
    for number in range(4):
        new = family(id=f"f{number}")
        await crowd.store.transact(lambda tx, new=new: tx.families.add(new))

    def rotates(name: str) -> Work:
        async def work(tx: Transaction) -> bool:
            found = await tx.families.find(name)
            assert found is not None
            return await tx.families.rotate(family(id=name, refresh_generation=1), 0)

        return work

    answers = await crowd.run([rotates(f"f{number % 4}") for number in range(80)])
    assert sum(each is True for each in answers) == 4
    assert sum(each is False for each in answers) == 76
    assert max(crowd.sizes) > 1


async def test_those_who_lock_each_other_out_do_not_hold_up_the_rest(
    crowd: Crowd, database: str
) -> None:
    """A row that somebody holds spoils what is shared at once; each then waits by itself."""
    await crowd.store.transact(adds("held"))
    connection = await asyncpg.connect(database)

    async def needs(tx: Transaction) -> None:
        await tx.users.note_failure("held", NOW)

    works: list[Work] = [needs if number % 15 == 0 else adds(f"u{number}") for number in range(60)]
    async with connection.transaction():
        await connection.execute("SELECT 1 FROM users WHERE id = 'held' FOR UPDATE")
        asked = [asyncio.ensure_future(crowd.store.transact(work, beside=True)) for work in works]
        others = [each for number, each in enumerate(asked) if number % 15]
        async with asyncio.timeout(8):
            await asyncio.gather(*others)
        assert not any(each.done() for number, each in enumerate(asked) if number % 15 == 0)
    await asyncio.gather(*asked)
    await connection.close()
    (held,) = [
        each for each in await crowd.store.read(lambda tx: tx.users.every()) if each.id == "held"
    ]
    assert held.failed_sign_ins == 4


async def test_whoever_has_gone_while_waiting_has_nothing_done(crowd: Crowd) -> None:
    """Who asks and goes, again and again, would keep the database busy for nobody."""
    asked = [
        asyncio.ensure_future(crowd.store.transact(adds(f"u{number}"), beside=True))
        for number in range(60)
    ]
    await asyncio.sleep(0)
    for each in asked[30:]:
        each.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert await names(crowd.store) == {f"u{number}" for number in range(30)}


@pytest.mark.parametrize("connections", [2, 10])
async def test_few_connections_serve_whoever_asks_in_turn(
    database: str, clock: Clock, connections: int
) -> None:
    """One line, which ends as it answers: whoever asks at once again is not left waiting."""
    given = {"clock": clock, "random": secrets.token_bytes}
    room = Room(connections, Bounds(seconds=2))
    store = await PostgresStore.open(database, **given, room=room)  # type: ignore[arg-type]

    async def asks(name: str) -> None:
        for number in range(3):
            await store.transact(adds(f"{name}{number}"), beside=True)
            for _ in range(2):
                assert await store.read(lambda tx, n=number: tx.users.find(f"{name}{n}"))

    await asyncio.gather(*map(asks, "abc"[: connections // 2]))
    await store.close()


async def test_reading_works_share_a_view_that_is_no_older_than_any_of_them(
    postgres: PostgresStore,
) -> None:
    """What was committed before a work was asked for is seen by it."""

    async def commits_and_reads(name: str) -> bool:
        await postgres.transact(adds(name), beside=True)
        return await postgres.read(lambda tx: tx.users.find(name)) is not None

    assert all(await asyncio.gather(*(commits_and_reads(f"u{number}") for number in range(80))))


async def test_a_reading_work_that_fails_takes_nothing_from_the_others(
    postgres: PostgresStore,
) -> None:
    async def writes(tx: Transaction) -> None:
        await tx.users.add(user())

    async def raises(tx: Transaction) -> None:
        await tx.users.every()
        raise ZeroDivisionError

    works = [(writes, raises, lambda tx: tx.users.every())[number % 3] for number in range(60)]
    answers = await asyncio.gather(*map(postgres.read, works), return_exceptions=True)
    assert all(isinstance(each, StoreUnavailable) for each in answers[::3])
    assert all(isinstance(each, ZeroDivisionError) for each in answers[1::3])
    assert answers[2::3] == [[]] * 20
