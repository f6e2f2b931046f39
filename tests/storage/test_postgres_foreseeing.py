"""What comes along with a family or a code is what would have been found by asking for it."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from counterfoil.server.records.store import Transaction
from counterfoil.server.storage.postgres import PostgresStore
from tests.storage.samples import NOW, add_people, authorization, family, session

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]

Work = Callable[[Transaction], Awaitable[object]]


@pytest.fixture
async def filled(postgres: PostgresStore) -> PostgresStore:
    async def fill(tx: Transaction) -> None:
        await add_people(tx)
        await tx.sessions.add(session(id="s"))
        await tx.families.add(family(session_id="s"))
        await tx.authorizations.add(authorization(session_id="s"))

    await postgres.transact(fill)
    return postgres


async def rests_on(tx: Transaction) -> list[object]:
    found = await tx.families.find("family-1")
    assert found is not None
    return [
        await tx.users.find(found.user_id),
        await tx.grants.find(found.grant_id),
        await tx.sessions.find("s"),
    ]


async def test_a_family_brings_what_it_rests_on(filled: PostgresStore) -> None:
    asked = await filled.read(rests_on)
    assert None not in asked
    assert await filled.transact(rests_on, beside=True) == asked


async def test_it_comes_in_the_same_round_trip(filled: PostgresStore) -> None:
    sent: list[str] = []

    async def counted(tx: Transaction) -> None:
        engine = tx._connection.engine
        engine.add_query_logger(note)
        await rests_on(tx)
        engine.remove_query_logger(note)

    def note(record: asyncpg.connection.LoggedQuery) -> None:
        sent.append(record.query)

    await filled.transact(rests_on, beside=True)
    await filled.transact(counted, beside=True)
    assert len([each for each in sent if "SELECT" in each]) == 1, sent


async def test_a_code_brings_what_it_rests_on(filled: PostgresStore) -> None:
    digest = authorization().digest

    async def take(tx: Transaction) -> list[object]:
        code = await tx.authorizations.take(digest, "family-9", NOW)
        assert code is not None
        return [
            await tx.users.find(code.user_id),
            await tx.grants.find(code.grant_id),
            await tx.sessions.find("s"),
        ]

    assert await filled.transact(take, beside=True) == await filled.read(rests_on)


async def test_what_has_gone_is_not_there(filled: PostgresStore) -> None:
    await filled.transact(lambda tx: tx.sessions.end("s", NOW))

    async def work(tx: Transaction) -> tuple[object, ...]:
        found = (await rests_on(tx))[2]
        return found, await tx.families.find("nobody")

    ended, nobody = await filled.transact(work, beside=True)
    assert ended == session(id="s", ended_at=NOW)
    assert nobody is None


async def test_what_the_work_itself_has_changed_is_read_anew(filled: PostgresStore) -> None:
    async def work(tx: Transaction) -> object:
        await tx.families.find("family-1")
        await tx.users.disable("ada", NOW)
        return await tx.users.find("ada")

    found = await filled.transact(work, beside=True)
    assert found.disabled_at == NOW


async def test_nothing_is_foreseen_for_the_next_work(filled: PostgresStore, database: str) -> None:
    async def only_the_family(tx: Transaction) -> None:
        await tx.families.find("family-1")

    await filled.transact(only_the_family, beside=True)
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE users SET disabled_at = 7")
    await connection.close()
    found = await filled.transact(lambda tx: tx.users.find("ada"), beside=True)
    assert found.disabled_at == 7
