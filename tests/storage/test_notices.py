"""Conformance, on every engine: the feed has no gap, whatever happens to the works around it."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfoil.oauth.feed import Position, first_digest, position_from
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.records.store import Store, Transaction
from tests.storage.conftest import Clock, Engine
from tests.storage.samples import NOW, chained, feed_is_whole, notice

pytestmark = pytest.mark.anyio


async def test_the_feed_begins_at_nought_with_an_epoch_of_its_own(store: Store) -> None:
    position, digest = await store.read(lambda tx: tx.notices.head())
    assert position.number == 0
    assert digest == first_digest(position.epoch)
    assert position_from(str(position)) == position


async def test_notices_are_numbered_chained_and_stored_byte_by_byte(store: Store) -> None:
    told = [notice("a"), notice("b"), notice("ü")]
    position = await store.transact(lambda tx: tx.notices.append(iter(told)))
    head, digest = await store.read(lambda tx: tx.notices.head())
    assert head == position == Position(head.epoch, 3)
    assert digest == chained(head.epoch, [each.text() for each in told])
    stored = await store.read(lambda tx: tx.notices.after(1, 100))
    assert stored == [(2, told[1].text()), (3, told[2].text())]
    assert await store.read(lambda tx: tx.notices.after(0, 1)) == [(1, told[0].text())]
    assert await store.read(lambda tx: tx.notices.after(3, 100)) == []
    assert await store.read(lambda tx: tx.notices.live()) == [each.text() for each in told]


async def test_no_notice_is_no_number(store: Store) -> None:
    position = await store.transact(lambda tx: tx.notices.append([]))
    assert position.number == 0


async def test_an_ended_token_is_found_by_its_handle_alone(store: Store, clock: Clock) -> None:
    """S48: nothing else is kept of a token. Another kind of notice of the same name is none."""

    async def work(tx: Transaction) -> None:
        family = Notice(Ended.FAMILY, "a-family", NOW + 60)
        await tx.notices.append([Notice(Ended.TOKEN, "a-token", NOW + 60), family])

    await store.transact(work)
    assert await store.read(lambda tx: tx.notices.names_token("a-token"))
    assert not await store.read(lambda tx: tx.notices.names_token("a-family"))
    assert not await store.read(lambda tx: tx.notices.names_token("another"))
    clock.now = NOW + 61
    await store.transact(lambda tx: tx.sweep(100))
    assert not await store.read(lambda tx: tx.notices.names_token("a-token"))


async def tell(tx: Transaction, count: int, fate: str) -> None:
    for number in range(count):
        await tx.notices.append([notice(f"{fate}-{number}")])
    if fate == "raises":
        raise ZeroDivisionError
    if fate == "suspends":
        await asyncio.sleep(0)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["stands", "raises", "suspends"]))))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_numbers_have_no_gap_whichever_works_are_rolled_back(
    engine: Engine, works: list[tuple[int, str]]
) -> None:
    """Property: a work that raises or suspends takes its numbers with it.

    Where many run at once, one that suspends holds up nobody, and stands; and half of them there
    run beside others.
    """
    async with engine.opened(lambda: NOW) as store:
        asked = [
            store.transact(lambda tx, w=work: tell(tx, *w), beside=number % 2 == 0)
            for number, work in enumerate(works)
        ]
        await asyncio.gather(*asked, return_exceptions=True)
        number = await store.read(feed_is_whole)
    standing = {"stands"} if engine.name == "sqlite" else {"stands", "suspends"}
    assert number == sum(count for count, fate in works if fate in standing)


async def test_oldest_says_how_far_notices_were_swept(store: Store, clock: Clock) -> None:
    """S41: what may be forgotten goes, even from the middle; nobody skips a live one unknowing."""
    told = [notice("a", NOW + 900), notice("b", NOW + 10), notice("c", NOW + 900)]
    await store.transact(lambda tx: tx.notices.append(told))
    assert await store.read(lambda tx: tx.notices.oldest()) == 0
    clock.now = NOW + 9
    assert await store.transact(lambda tx: tx.sweep(100)) == 0
    clock.now = NOW + 10
    before = await store.read(lambda tx: tx.notices.head())
    assert await store.transact(lambda tx: tx.sweep(100)) == 1
    assert await store.read(lambda tx: tx.notices.oldest()) == 2
    assert await store.read(lambda tx: tx.notices.live()) == [told[0].text(), told[2].text()]
    assert await store.read(lambda tx: tx.notices.head()) == before
    position = await store.transact(lambda tx: tx.notices.append([notice("d")]))
    assert position.number == 4


async def test_sweeping_an_earlier_notice_does_not_move_oldest_back(
    store: Store, clock: Clock
) -> None:
    told = [notice("a", NOW + 20), notice("b", NOW + 10), notice("c", NOW + 900)]
    await store.transact(lambda tx: tx.notices.append(told))
    for later in (10, 20):
        clock.now = NOW + later
        await store.transact(lambda tx: tx.sweep(100))
    assert await store.read(lambda tx: tx.notices.oldest()) == 2


async def test_a_feed_that_was_swept_empty_goes_on_counting(store: Store, clock: Clock) -> None:
    await store.transact(lambda tx: tx.notices.append([notice("a"), notice("b")]))
    clock.now = NOW + 1_000
    await store.transact(lambda tx: tx.sweep(100))
    assert await store.read(lambda tx: tx.notices.live()) == []
    position = await store.transact(lambda tx: tx.notices.append([notice("c")]))
    assert position.number == 3
