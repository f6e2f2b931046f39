"""The store on PostgreSQL: works alone and beside, lines that are cut, several stores at once."""

import asyncio
import logging
import random
import secrets
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from counterfoil.oauth.feed import Position
from counterfoil.server.protocol.activity import Activity
from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.refresh_limits import NotedLimits, RefreshLimits
from counterfoil.server.records.store import Transaction
from counterfoil.server.storage.bounded_queue import Bounds
from counterfoil.server.storage.connection import WrongStatement
from counterfoil.server.storage.postgres import PostgresStore
from counterfoil.server.storage.postgres_connection import Wire
from counterfoil.server.storage.postgres_locks import ALONE
from counterfoil.server.storage.postgres_pool import Bound, Pool, Room
from tests.storage.conftest import Clock, open_postgres
from tests.storage.samples import (
    NOTES,
    NOW,
    add_people,
    api,
    client,
    client_secret,
    event,
    family,
    feed_is_whole,
    log_is_whole,
    notice,
    session,
    user,
)
from tests.storage.test_issued_tokens import token

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]

_WAITS = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_WAITS_FOR_A_ROW = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"

Work = Callable[[Transaction], Awaitable[object]]


@pytest.fixture
async def second(
    database: str, clock: Clock, postgres: PostgresStore
) -> AsyncIterator[PostgresStore]:
    """Another process's store on the same database."""
    opened = await open_postgres(database, clock)
    yield opened
    await opened.close()


@asynccontextmanager
async def administrator(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    try:
        yield connection
    finally:
        await connection.close()


def limits(**fields: int) -> RefreshLimits:
    return RefreshLimits(**fields)


async def cut_all(database: str) -> int:
    """Cut every line to the database but our own; says how many."""
    async with administrator(database) as connection:
        rows = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return len(rows)


class Meeting:
    """A work that goes on only when so many are under way."""

    def __init__(self, count: int) -> None:
        self.barrier = asyncio.Barrier(count)

    async def __call__(self, tx: Transaction) -> None:
        await tx.users.every()
        async with asyncio.timeout(5):
            await self.barrier.wait()


async def test_works_that_may_run_beside_others_do(postgres: PostgresStore) -> None:
    meeting = Meeting(5)
    await asyncio.gather(*(postgres.transact(meeting, beside=True) for _ in range(5)))


async def test_a_work_alone_waits_for_all_others_and_they_for_it(
    postgres: PostgresStore, second: PostgresStore
) -> None:
    """In whichever process: so what it has checked still holds when it changes something."""
    under_way: list[str] = []

    def named(name: str, *, may_meet: str = "") -> Work:
        async def work(tx: Transaction) -> None:
            assert set(under_way) <= {may_meet}
            under_way.append(name)
            for _ in range(3):
                await tx.users.every()
            under_way.remove(name)

        return work

    asked = [
        each
        for _ in range(10)
        for each in (
            postgres.transact(named("beside", may_meet="beside"), beside=True),
            second.transact(named("beside", may_meet="beside"), beside=True),
            postgres.transact(named("alone")),
            second.transact(named("alone")),
        )
    ]
    await asyncio.gather(*asked)


@pytest.mark.parametrize("beside", [False, True])
async def test_whoever_waited_sees_what_was_committed_meanwhile(
    database: str, clock: Clock, beside: bool
) -> None:
    """Whatever isolation is usual there: else a token is issued from before an ending."""
    async with administrator(database) as connection:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(
            f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'"
        )
        store = await open_postgres(database, clock)
        await store.transact(lambda tx: tx.users.add(user()))
        async with connection.transaction(isolation="read_committed"):
            await connection.execute(f"SELECT {ALONE}")
            waiting = asyncio.ensure_future(
                store.transact(lambda tx: tx.users.find("ada"), beside=beside)
            )
            while not await connection.fetchval(_WAITS):
                pass
            await connection.execute("UPDATE users SET disabled_at = 1")
    assert await waiting == user(disabled_at=1)
    await store.close()


async def test_a_work_that_the_engine_gives_up_runs_again(postgres: PostgresStore) -> None:
    """Two that lock each other out: one is chosen, and begins anew."""
    await postgres.transact(lambda tx: tx.users.add(user()))
    await postgres.transact(lambda tx: tx.users.add(user(id="bob", email="bob@example.org")))
    barrier, runs = asyncio.Barrier(2), []

    def crossing(first: str, then: str) -> Work:
        async def work(tx: Transaction) -> str:
            runs.append(first)
            if len(runs) > 2:  # else it could lock the other out once more, which is waking up
                await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            await tx.users.note_failure(first, 0)
            if len(runs) <= 2:
                await barrier.wait()
            await tx.users.note_failure(then, 0)
            return first

        return work

    works = crossing("ada", "bob"), crossing("bob", "ada")
    asked = [asyncio.ensure_future(postgres.transact(each, beside=True)) for each in works]
    assert await asyncio.gather(*asked) == ["ada", "bob"]
    assert len(runs) == 3
    users = await postgres.read(lambda tx: tx.users.every())
    assert [each.failed_sign_ins for each in users] == [2, 2]


async def test_a_line_that_was_cut_while_it_was_idle_is_nobodys_trouble(
    postgres: PostgresStore, database: str
) -> None:
    await asyncio.gather(*(postgres.read(Meeting(1)) for _ in range(4)))
    await postgres.transact(lambda tx: tx.users.add(user()))
    assert await cut_all(database) >= 3
    assert await postgres.read(lambda tx: tx.users.every()) == [user()]
    await postgres.transact(lambda tx: tx.users.disable("ada", NOW))
    await postgres.transact(lambda tx: tx.events.append(event()), beside=True)
    assert await postgres.read(log_is_whole) == 1


async def test_a_line_that_is_cut_in_the_middle_leaves_nothing(
    postgres: PostgresStore, database: str
) -> None:
    async def cut(tx: Transaction) -> None:
        await tx.users.add(user())
        await cut_all(database)
        await tx.users.every()

    for beside in (False, True):
        with pytest.raises(StoreUnavailable):
            await postgres.transact(cut, beside=beside)
    with pytest.raises(StoreUnavailable):
        await postgres.read(cut_reading(database))
    assert await postgres.read(lambda tx: tx.users.every()) == []


def cut_reading(database: str) -> Work:
    async def work(tx: Transaction) -> None:
        await cut_all(database)
        await tx.users.every()

    return work


async def test_a_caller_who_goes_away_breaks_nothing(postgres: PostgresStore) -> None:
    begun = asyncio.Event()

    async def slow(tx: Transaction) -> None:
        begun.set()
        for number in range(5):
            await tx.users.add(user(id=str(number), email=str(number)))

    for _ in range(2):
        caller = asyncio.ensure_future(postgres.transact(slow))
        await begun.wait()
        caller.cancel()
        await asyncio.wait({caller})
        assert caller.cancelled()
    await postgres.close()


async def test_a_line_on_which_somebody_stopped_listening_is_lent_to_nobody(database: str) -> None:
    """A browser that is closed cancels what it asked, and the answer may still come."""
    pool, asked, first = Pool(Wire(database), Room(1), Bound), asyncio.Event(), []

    async def goes_away() -> None:
        async with pool.begun("SELECT 1") as lent:
            first.append(lent)
            asked.set()
            await lent.connection.step("SELECT pg_sleep(5)")

    caller = asyncio.ensure_future(goes_away())
    await asked.wait()
    caller.cancel()
    await asyncio.wait({caller})
    assert caller.cancelled()
    async with pool.begun("SELECT 1") as lent:
        assert lent not in first
    await pool.close()


async def test_what_was_begun_stands_though_its_caller_went_away(
    postgres: PostgresStore, second: PostgresStore
) -> None:
    begun = asyncio.Event()

    async def slow(tx: Transaction) -> None:
        begun.set()
        await tx.users.add(user())

    caller = asyncio.ensure_future(postgres.transact(slow))
    await begun.wait()
    caller.cancel()
    await postgres.close()
    assert await second.read(lambda tx: tx.users.every()) == [user()]


async def test_a_work_that_reads_cannot_write(postgres: PostgresStore) -> None:
    with pytest.raises(StoreUnavailable):
        await postgres.read(lambda tx: tx.users.add(user()))
    assert await postgres.read(lambda tx: tx.users.every()) == []


async def test_a_transaction_is_of_no_use_outside_of_its_work(postgres: PostgresStore) -> None:
    async def leak(tx: Transaction) -> Transaction:
        return tx

    for leaked in (await postgres.transact(leak), await postgres.read(leak)):
        with pytest.raises(RuntimeError, match="outside of its work"):
            await leaked.users.add(user())


async def test_a_mistake_of_ours_is_told_without_its_values(postgres: PostgresStore) -> None:
    """The engine's own words quote what was given."""
    given = secrets.token_hex()
    with pytest.raises(WrongStatement) as told:
        await postgres.transact(lambda tx: tx.users.add(user(created_at=given)))
    assert given not in "".join(traceback.format_exception(told.value))
    with pytest.raises(WrongStatement, match="ForeignKey") as told:
        await postgres.transact(lambda tx: tx.clients.add_secret(client_secret()))
    assert "notes-web" not in "".join(traceback.format_exception(told.value))


async def test_what_no_index_can_hold_is_a_mistake_and_no_failure_of_the_engine(
    postgres: PostgresStore,
) -> None:
    """Else a client would be told to try again, for ever."""
    long = random.Random(1).randbytes(9_000).hex()
    with pytest.raises(WrongStatement, match="ProgramLimitExceeded"):
        await postgres.transact(lambda tx: tx.users.add(user(email=long)))


async def test_an_ending_is_seen_by_whoever_asks_after_it_was_answered(
    postgres: PostgresStore, second: PostgresStore
) -> None:
    """No process answers from before an ending that it should know."""
    for number in range(20):
        before = await second.version_now()
        writes = postgres.transact(
            lambda tx, n=number: tx.notices.append([notice(f"f{n}")]), beside=number % 2 == 0
        )
        await writes
        assert await second.version_now() != before
        head, _ = await second.read(lambda tx: tx.notices.head())
        assert head.number == number + 1


async def test_the_version_moves_by_itself_when_others_commit(
    postgres: PostgresStore, second: PostgresStore
) -> None:
    for work in (
        lambda tx: tx.notices.append([notice("f")]),
        lambda tx: tx.clients.add(client()),
        lambda tx: tx.apis.add(api()),
        lambda tx: tx.issued_tokens.add(token()),
    ):
        before = second.version()
        await postgres.transact(work, beside=True)
        await moved(second, before)


async def test_the_version_moves_with_whatever_others_do_alone(
    postgres: PostgresStore, second: PostgresStore
) -> None:
    """Who waits for a receipt, or follows at another process, is found by this."""
    for work in (
        lambda tx: tx.guards.ask("wait", Position("epoch", 1), NOW + 9),
        lambda tx: tx.guards.cease("wait"),
        lambda tx: tx.users.add(user()),
    ):
        before = second.version()
        await postgres.transact(work)
        await moved(second, before)


async def moved(store: PostgresStore, before: int) -> None:
    async with asyncio.timeout(5):
        while store.version() == before:
            await store.read(lambda tx: tx.users.every())


async def test_the_version_stands_while_nobody_commits(postgres: PostgresStore) -> None:
    before = await postgres.version_now()
    for _ in range(20):
        await postgres.read(lambda tx: tx.users.every())
        assert await postgres.version_now() == before


async def test_a_follower_whose_line_was_cut_follows_on(
    postgres: PostgresStore, second: PostgresStore, database: str
) -> None:
    await cut_all(database)
    before = second.version()
    await postgres.transact(lambda tx: tx.notices.append([notice("f")]))
    await moved(second, before)


async def test_what_is_remembered_never_outlives_a_change_by_another(
    postgres: PostgresStore, second: PostgresStore
) -> None:
    async def add(tx: Transaction) -> None:
        await tx.apis.add(api())
        await tx.clients.add(client())
        await tx.clients.add_secret(client_secret())

    await second.transact(add)
    found = await postgres.read(lambda tx: tx.clients.find("notes-web"))
    assert await postgres.read(lambda tx: tx.clients.find("notes-web")) is found
    assert await postgres.read(lambda tx: tx.clients.secrets_of("notes-web")) == [client_secret()]
    assert await postgres.read(lambda tx: tx.apis.find(NOTES)) == api()
    assert await postgres.read(lambda tx: tx.default_lifetimes.find()) is None
    await second.transact(lambda tx: tx.default_lifetimes.keep(DefaultLifetime(600)))
    assert await postgres.read(lambda tx: tx.default_lifetimes.find()) == DefaultLifetime(600)
    await second.transact(lambda tx: tx.clients.disable("notes-web", NOW + 1))
    assert await postgres.read(lambda tx: tx.clients.find("notes-web")) == client(
        disabled_at=NOW + 1
    )
    await second.transact(lambda tx: tx.clients.expire_secret("secret-1", NOW + 2))
    (secret,) = await postgres.read(lambda tx: tx.clients.secrets_of("notes-web"))
    assert secret.expires_at == NOW + 2
    await second.transact(lambda tx: tx.apis.next_generation(NOTES))
    seen = await postgres.read(lambda tx: tx.apis.find(NOTES))
    assert seen is not None
    assert seen.generation == api().generation + 1


@pytest.mark.parametrize("reading", [False, True])
async def test_what_a_work_remembers_was_so_when_it_began(
    postgres: PostgresStore, second: PostgresStore, database: str, *, reading: bool
) -> None:
    """Also for whoever had to wait until somebody else had changed it: no token after an ending."""

    async def add(tx: Transaction) -> None:
        await tx.clients.add(client())
        await tx.limit_notes.keep(NotedLimits(limits(), limits(), None))

    async def asks(tx: Transaction) -> tuple[object, object]:
        found = await tx.clients.find("notes-web")
        return found.disabled_at if found else "gone", await tx.limit_notes.find()

    def ask() -> Awaitable[tuple[object, object]]:
        return postgres.read(asks) if reading else postgres.transact(asks, beside=True)

    await second.transact(add)
    for _ in range(3):
        assert await ask() == (None, NotedLimits(limits(), limits(), None))
    shorter = NotedLimits(limits(refresh_idle=60), limits(), None)
    await second.transact(lambda tx: tx.limit_notes.keep(shorter))
    assert await ask() == (None, shorter)
    async with administrator(database) as connection, connection.transaction():
        await connection.execute(f"SELECT {ALONE}")
        waiting = asyncio.ensure_future(ask())
        while not reading and not await connection.fetchval(_WAITS):
            pass
        await connection.execute("UPDATE clients SET disabled_at = 7")
    assert (await waiting)[0] in ((None, 7) if reading else (7,))
    assert (await ask())[0] == 7


async def test_what_a_work_beside_others_changed_and_undid_is_not_remembered(
    postgres: PostgresStore,
) -> None:
    await postgres.transact(lambda tx: tx.clients.add(client()))
    await postgres.transact(lambda tx: tx.clients.add_secret(client_secret()))

    async def last_used(tx: Transaction) -> int | None:
        (secret,) = await tx.clients.secrets_of("notes-web")
        return secret.last_used_at

    async def fails(tx: Transaction) -> None:
        before = await last_used(tx)
        await tx.clients.touch_secrets({"secret-1": NOW + 5})
        assert await last_used(tx) == NOW + 5 != before, "it sees what it did itself"
        raise ZeroDivisionError

    async def tries(tx: Transaction) -> int | None:
        with pytest.raises(ZeroDivisionError):
            await tx.attempt(fails)
        return await last_used(tx)

    async def client_in_an_attempt(tx: Transaction) -> object:
        return await tx.attempt(lambda tx: tx.clients.find("notes-web"))

    remembered = await postgres.transact(client_in_an_attempt, beside=True)
    assert await postgres.transact(client_in_an_attempt, beside=True) is remembered
    unused = await postgres.transact(last_used, beside=True)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await postgres.transact(fails, beside=True)
        assert await postgres.transact(last_used, beside=True) == unused
        assert await postgres.transact(tries, beside=True) == unused


async def test_a_change_that_was_undone_is_forgotten_and_a_later_one_is_seen(
    postgres: PostgresStore, second: PostgresStore
) -> None:
    """One change moves the version, be it in a part of a work, or after one that failed."""
    await postgres.transact(lambda tx: tx.clients.add(client()))

    async def fails(tx: Transaction) -> None:
        await tx.clients.disable("notes-web", NOW)
        raise ZeroDivisionError

    async def work(tx: Transaction) -> None:
        with pytest.raises(ZeroDivisionError):
            await tx.attempt(fails)
        await tx.clients.next_generation("notes-web")

    assert await second.read(lambda tx: tx.clients.find("notes-web")) == client()
    await postgres.transact(work)
    assert await second.read(lambda tx: tx.clients.find("notes-web")) == client(
        generation=client().generation + 1
    )


async def test_two_may_note_uses_of_the_same_secrets_at_once(
    postgres: PostgresStore, second: PostgresStore
) -> None:
    await postgres.transact(lambda tx: tx.clients.add(client()))
    names = [f"secret-{number}" for number in range(20)]
    for name in names:
        await postgres.transact(lambda tx, name=name: tx.clients.add_secret(client_secret(id=name)))
    await asyncio.gather(
        *(
            store.transact(
                lambda tx, some=names[first:]: tx.clients.touch_secrets(dict.fromkeys(some, NOW)),
                beside=True,
            )
            for first in range(10)
            for store in (postgres, second)
        )
    )
    found = await postgres.read(lambda tx: tx.clients.secrets_of("notes-web"))
    assert {secret.last_used_at for secret in found} == {NOW}


async def test_whoever_notes_uses_holds_no_session_while_they_wait_for_one_before_it(
    postgres: PostgresStore, database: str
) -> None:
    """Else two processes that note uses of the same sessions lock each other out."""
    await postgres.transact(add_people)
    for name in ("a", "b"):
        new = session(id=name, digest=name.encode())
        await postgres.transact(lambda tx, new=new: tx.sessions.add(new))
    activity = Activity()
    activity.note_session("b", NOW + 1)
    activity.note_cookie("a", NOW + 1)
    async with administrator(database) as connection:
        async with connection.transaction():
            await connection.execute("SELECT 1 FROM sessions WHERE id = 'a' FOR UPDATE")
            flushing = asyncio.ensure_future(activity.flush(postgres))
            while not await connection.fetchval(_WAITS_FOR_A_ROW):
                pass
            free = "SELECT id FROM sessions WHERE id = 'b' FOR UPDATE SKIP LOCKED"
            assert await connection.fetchval(free) == "b"
        await flushing


async def test_a_family_cannot_be_refreshed_while_it_is_being_ended(
    postgres: PostgresStore, second: PostgresStore
) -> None:
    """Else the refreshed token would outlive the notice that ends it."""
    await postgres.transact(add_people)
    await postgres.transact(lambda tx: tx.families.add(family()))
    read = asyncio.Event()

    async def end(tx: Transaction) -> int:
        found = await tx.families.find("family-1")
        read.set()
        await asyncio.wait({rotating}, timeout=0.2)
        assert not rotating.done(), "it was refreshed in between"
        await tx.families.end("family-1", NOW, "reused")
        assert found is not None
        return found.access_expires_at

    async def rotate(tx: Transaction) -> bool:
        await read.wait()
        return await tx.families.rotate(family(access_expires_at=NOW + 9_999), 0)

    rotating = asyncio.ensure_future(second.transact(rotate, beside=True))
    until = await postgres.transact(end, beside=True)
    assert await rotating is False
    ended = await postgres.read(lambda tx: tx.families.find("family-1"))
    assert ended is not None
    assert ended.access_expires_at == until


async def test_many_write_in_two_processes_at_once_and_nothing_has_a_gap(
    postgres: PostgresStore, second: PostgresStore
) -> None:
    async def tell(tx: Transaction, number: int) -> None:
        await tx.notices.append([notice(f"f{number}")])
        await tx.events.append(event(subject=f"f{number}"))
        if number % 7 == 0:
            raise ZeroDivisionError

    asked = [
        (postgres, second)[number % 2].transact(
            lambda tx, n=number: tell(tx, n), beside=number % 5 != 0
        )
        for number in range(200)
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    stumbled = sum(isinstance(answer, ZeroDivisionError) for answer in answers)
    assert stumbled == 29
    assert [answer for answer in answers if isinstance(answer, StoreUnavailable)] == []
    assert await second.read(feed_is_whole) == 200 - stumbled
    assert await second.read(log_is_whole) == 200 - stumbled


async def test_what_was_left_by_a_process_that_died_is_numbered_by_another(
    postgres: PostgresStore, second: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies() -> None:
        """Between its commit and the numbers."""

    monkeypatch.setattr(postgres._following, "number", dies)

    async def tell(tx: Transaction) -> None:
        await tx.notices.append([notice("left")])
        await tx.events.append(event())

    await postgres.transact(tell, beside=True)
    async with asyncio.timeout(5):
        while await second.read(feed_is_whole) != 1:
            pass
    assert await second.read(log_is_whole) == 1


async def test_an_ending_whose_process_died_is_seen_by_whoever_asks(
    postgres: PostgresStore, second: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was committed: nobody answers from before it, though nobody has numbered it yet."""

    async def dies() -> None: ...

    monkeypatch.setattr(postgres._following, "number", dies)
    for number in range(5):
        before = await second.version_now()
        await postgres.transact(lambda tx: tx.notices.append([notice("f")]), beside=True)
        assert await second.version_now() != before
        assert await second.read(feed_is_whole) == number + 1


async def test_numbers_that_cannot_be_given_now_are_given_later(
    postgres: PostgresStore,
    second: PostgresStore,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fails() -> None:
        raise StoreUnavailable("not now")

    monkeypatch.setattr(postgres._following, "number", fails)
    with caplog.at_level(logging.WARNING):
        await postgres.transact(lambda tx: tx.notices.append([notice("late")]), beside=True)
    assert "wait for their numbers: not now" in caplog.text
    position = await second.transact(lambda tx: tx.notices.append([notice("next")]))
    assert position.number == 2, "whoever writes alone numbers first what waits"


async def test_a_mistake_in_numbering_is_logged_and_does_not_deny_what_was_committed(
    postgres: PostgresStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error says that nothing was stored: here a code was spent, and a family begun."""

    async def fails() -> None:
        raise WrongStatement("a mistake")

    async def work(tx: Transaction) -> str:
        await tx.notices.append([notice("f")])
        return "done"

    monkeypatch.setattr(postgres._following, "number", fails)
    assert await postgres.transact(work, beside=True) == "done"
    assert "a mistake" in caplog.text


async def test_erasing_finds_what_waits_to_be_numbered(
    postgres: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S111: nobody's name is left behind because it had no number yet."""

    async def dies() -> None: ...

    monkeypatch.setattr(postgres._following, "number", dies)
    await postgres.transact(lambda tx: tx.events.append(event()), beside=True)
    erased = await postgres.transact(lambda tx: tx.events.erase("ada"))
    assert erased.by == frozenset({1})
    (line,) = await postgres.read(lambda tx: tx.events.latest(2))
    assert line.actor == "user:erased"


async def test_a_letter_that_no_text_can_hold_breaks_neither_chain_nor_statement(
    postgres: PostgresStore,
) -> None:
    rubbish = event(subject="a\0b", user_agent="\0", detail={"why": "\0", "scope": "x"})
    for beside in (False, True):
        await postgres.transact(lambda tx: tx.events.append(rubbish), beside=beside)
    assert await postgres.read(log_is_whole) == 2
    assert await postgres.read(lambda tx: tx.users.find("a\0da")) is None
    found = await postgres.read(lambda tx: tx.events.latest(2))
    assert {each.subject for each in found} == {"a\N{REPLACEMENT CHARACTER}b"}


async def test_an_event_that_can_become_no_line_is_refused_at_once(postgres: PostgresStore) -> None:
    """Else it would hold up all that come behind it."""
    with pytest.raises(ValueError, match="names a person"):
        await postgres.transact(lambda tx: tx.events.append(event(proof="user:ada")), beside=True)
    await postgres.transact(lambda tx: tx.events.append(event()), beside=True)
    assert await postgres.read(log_is_whole) == 1


async def test_reading_goes_on_while_somebody_holds_up_all_who_write(
    postgres: PostgresStore, database: str
) -> None:
    async with administrator(database) as connection, connection.transaction():
        await connection.execute(f"SELECT {ALONE}")
        held_up = [
            asyncio.ensure_future(postgres.transact(lambda tx: tx.users.every(), beside=True))
            for _ in range(30)
        ]
        async with asyncio.timeout(5):
            for _ in range(30):
                assert await postgres.read(lambda tx: tx.users.every()) == []
                await postgres.version_now()
        assert not any(each.done() for each in held_up)
    assert await asyncio.gather(*held_up) == [[]] * 30


async def test_nobody_waits_to_run_alone_for_as_long_as_all_before_them_together(
    database: str, clock: Clock
) -> None:
    """When somebody holds all up, the answer is 503 soon, not after each before has given up."""
    room = Room(10, Bounds(seconds=0.1))
    postgres = await PostgresStore.open(
        database, clock=clock, random=secrets.token_bytes, room=room
    )
    async with administrator(database) as connection, connection.transaction():
        await connection.execute(f"SELECT {ALONE}")
        first = asyncio.ensure_future(postgres.transact(lambda tx: tx.users.every()))
        while not await connection.fetchval(_WAITS):
            pass
        async with asyncio.timeout(5):
            with pytest.raises(StoreUnavailable, match="alone"):
                await postgres.transact(lambda tx: tx.users.every())
    assert await first == []
    assert await postgres.transact(lambda tx: tx.users.every()) == []
    await postgres.close()


async def test_connections_are_few_however_many_ask(postgres: PostgresStore, database: str) -> None:
    await asyncio.gather(
        *(postgres.read(lambda tx: tx.users.every()) for _ in range(200)),
        *(postgres.transact(lambda tx: tx.users.every(), beside=True) for _ in range(200)),
    )
    async with administrator(database) as connection:
        open_now = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
    assert open_now <= 12
