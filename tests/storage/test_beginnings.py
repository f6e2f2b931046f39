"""Beginning anew, on every engine: a new epoch, the end of all that people began, generations."""

import pytest

from counterfoil.oauth.feed import Position, first_digest, next_digest
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.records.beginnings import Begun
from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.store import Store, Transaction
from tests.storage.samples import NOTES, NOW, api, authorization, client, family, session, user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def lived_in(peopled: Store) -> Store:
    async def work(tx: Transaction) -> None:
        await tx.sessions.add(session())
        await tx.sessions.add(session(id="sid-2", digest=b"2" * 32, ended_at=NOW - 1))
        await tx.authorizations.add(authorization())
        await tx.authorizations.add(
            authorization(digest=b"9" * 32, taken_at=NOW, family_id="family-1")
        )
        await tx.families.add(family())
        await tx.families.add(family(id="family-2", ended_at=NOW - 1, ended_why="ended"))
        await tx.apis.add(api())
        await tx.default_lifetimes.keep(DefaultLifetime(3600, 5))
        await tx.issued_tokens.open_list(NOTES, NOW + 60, "a list")
        await tx.notices.append([Notice(Ended.FAMILY, "family-2", NOW + 60)])

    await peopled.transact(work)
    return peopled


async def test_everything_that_people_began_ends_once(lived_in: Store) -> None:
    async def work(tx: Transaction) -> Begun:
        return await tx.beginnings.end_everything(NOW + 5, "restored")

    assert await lived_in.transact(work) == Begun(sessions=1, grants=1, families=1, codes=1)
    assert await lived_in.transact(work) == Begun(0, 0, 0, 0)

    async def look(tx: Transaction) -> None:
        ended = [await tx.sessions.find(name) for name in ("sid-1", "sid-2")]
        assert [each.ended_at for each in ended if each] == [NOW + 5, NOW - 1]
        families = [await tx.families.find(name) for name in ("family-1", "family-2")]
        assert [(each.ended_at, each.ended_why) for each in families if each] == [
            (NOW + 5, "restored"),
            (NOW - 1, "ended"),
        ]
        assert await tx.grants.every() == []
        assert await tx.authorizations.find(b"\x03" * 32) is None
        taken = await tx.authorizations.find(b"9" * 32)
        assert taken is not None, "its replay is still known"
        assert taken.taken_at == NOW
        assert await tx.issued_tokens.lists("", 10) == []
        assert await tx.users.find("ada") == user(endings=NOW + 6), "a number that none had since"

    await lived_in.read(look)


async def test_the_feed_goes_on_in_another_epoch_with_all_its_notices(lived_in: Store) -> None:
    more = Notice(Ended.TOKEN, "a token", NOW + 60)

    async def work(tx: Transaction) -> tuple[Position, str]:
        await tx.beginnings.begin_epoch("anew")
        await tx.notices.append([more])
        return await tx.notices.head()

    (before, _), live = await lived_in.read(_feed)
    position, digest = await lived_in.transact(work)
    assert position == Position("anew", before.number + 1)
    assert digest == next_digest(first_digest("anew"), more.text())

    async def look(tx: Transaction) -> tuple[int, list[bytes]]:
        return await tx.notices.oldest(), await tx.notices.live()

    oldest, now_live = await lived_in.read(look)
    assert oldest == before.number, "who stands in the epoch before takes a snapshot"
    assert now_live == [*live, more.text()]


async def _feed(tx: Transaction) -> tuple[tuple[Position, str], list[bytes]]:
    return await tx.notices.head(), await tx.notices.live()


async def test_generations_only_rise(lived_in: Store) -> None:
    async def work(tx: Transaction) -> None:
        await tx.clients.add(client(client_id="ahead", generation=2_000_000))
        greatest = await tx.beginnings.raise_generations(1_000_000)
        assert greatest == 2_000_001
        found = [await tx.clients.find(name) for name in ("notes-web", "ahead")]
        assert [each.generation for each in found if each] == [1_000_000, 2_000_001]
        assert (await tx.apis.every())[0].generation == 1_000_000
        userinfo = await tx.default_lifetimes.find()
        assert userinfo == DefaultLifetime(3600, 1_000_000)
        assert await tx.clients.next_generation("notes-web") == 1_000_001

    await lived_in.transact(work)
