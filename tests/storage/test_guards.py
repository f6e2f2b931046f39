"""Conformance, on every engine: which guards follow at which process, and who waits for them."""

import pytest

from counterfoil.oauth.feed import Position
from counterfoil.server.records.guards import (
    LIVES,
    LONGEST_MISSED,
    Following,
    GuardLine,
    LostGuard,
    Most,
    Said,
)
from counterfoil.server.records.store import Store
from tests.storage.conftest import Clock
from tests.storage.samples import NOW

pytestmark = pytest.mark.anyio

ASKED = Position("e", 7)
BEHIND = GuardLine(client_id="notes", address="192.0.2.1", acknowledged=6, bites_at=NOW + 30.5)
HERE = Following(process="here", asked=ASKED, reached=6, known=1, behind=(BEHIND,), behind_in_all=1)
THERE = Following(process="there", asked=ASKED, reached=7, anonymous=2, others=1)


async def test_each_process_tells_of_its_own_guards(store: Store) -> None:
    await store.transact(lambda tx: tx.guards.tell(HERE))
    await store.transact(lambda tx: tx.guards.tell(THERE))
    assert await store.read(lambda tx: tx.guards.every()) == [HERE, THERE]
    later = Following(process="here", asked=ASKED, reached=7, known=1)
    await store.transact(lambda tx: tx.guards.tell(later))
    await store.transact(lambda tx: tx.guards.withdraw("there"))
    assert await store.read(lambda tx: tx.guards.every()) == [later]


async def test_a_process_that_says_nothing_more_is_gone(store: Store, clock: Clock) -> None:
    await store.transact(lambda tx: tx.guards.tell(HERE))
    clock.now = NOW + LIVES - 1
    assert await store.read(lambda tx: tx.guards.every()) == [HERE]
    assert await store.transact(lambda tx: tx.sweep(10)) == 0
    clock.now = NOW + LIVES
    assert await store.read(lambda tx: tx.guards.every()) == []
    assert await store.transact(lambda tx: tx.sweep(10)) == 1


async def test_the_furthest_that_anyone_waits_for_is_asked(store: Store, clock: Clock) -> None:
    """Of this epoch alone, and for as long as they wait."""
    assert await store.read(lambda tx: tx.guards.asked("e")) is None
    for name, number, seconds in (("a", 5, 10), ("b", 9, 5)):
        await store.transact(
            lambda tx, name=name, number=number, seconds=seconds: tx.guards.ask(
                name, Position("e", number), NOW + seconds
            )
        )
    assert await store.read(lambda tx: tx.guards.asked("e")) == 9
    assert await store.read(lambda tx: tx.guards.asked("another")) is None
    clock.now = NOW + 5
    assert await store.read(lambda tx: tx.guards.asked("e")) == 5
    assert await store.transact(lambda tx: tx.sweep(10)) == 1
    await store.transact(lambda tx: tx.guards.cease("a"))
    assert await store.read(lambda tx: tx.guards.asked("e")) is None


async def test_a_guards_word_waits_for_the_process_that_holds_its_line(
    store: Store, clock: Clock
) -> None:
    async def leave(process: str, follower: str, number: int, *, leaves: bool = False) -> None:
        said = Said(follower, number, leaves)
        await store.transact(lambda tx: tx.guards.leave_word(process, said))

    assert not await store.read(lambda tx: tx.guards.has_words("here"))
    for process in (HERE, THERE):
        await store.transact(lambda tx, process=process: tx.guards.tell(process))
    await leave("here", "here.a", 7, leaves=True)
    await leave("here", "here.a", 5)
    await leave("here", "here.b", 5)
    await leave("here", "here.b", 6)
    await leave("there", "there.c", 9)
    assert await store.read(lambda tx: tx.guards.has_words("here"))
    taken = await store.transact(lambda tx: tx.guards.take_words("here"))
    said = {each.follower: (each.number, each.leaves) for each in taken}
    assert said == {"here.a": (7, True), "here.b": (6, False)}, "nothing said is lessened later"
    assert await store.transact(lambda tx: tx.guards.take_words("here")) == []
    assert await store.read(lambda tx: tx.guards.has_words("there"))
    clock.now = NOW + LIVES
    assert await store.transact(lambda tx: tx.sweep(10)) == 3


async def test_for_a_process_without_guards_nothing_is_left(store: Store) -> None:
    """Nobody would take it: who kept the names of its lines could fill the store with goodbyes."""
    said = Said("gone.a", 7, leaves=True)
    await store.transact(lambda tx: tx.guards.leave_word("gone", said))
    assert not await store.read(lambda tx: tx.guards.has_words("gone"))


def lost(name: str, until: float = NOW + 30.2, **line: str) -> LostGuard:
    return LostGuard(name, GuardLine(bites_at=until, **{"address": "192.0.2.1", **line}))


MANY = Most(of_address=100, in_all=100)


async def test_a_lost_guard_is_noted_until_it_is_found_or_its_policy_has_bitten(
    store: Store, clock: Clock
) -> None:
    async def names() -> list[str]:
        return [each.name for each in await store.read(lambda tx: tx.guards.lost())]

    gone = [lost("a"), lost("b", NOW + 60, client_id="notes", then="accept"), lost("c")]
    await store.transact(lambda tx: tx.guards.lose(gone, MANY))
    (first, *_, last) = await store.read(lambda tx: tx.guards.lost())
    assert first == LostGuard("a", GuardLine(address="192.0.2.1", bites_at=NOW + 31))
    assert (last.line.client_id, last.line.then) == ("notes", "accept")
    await store.transact(lambda tx: tx.guards.found(["a", "never-lost"]))
    assert await names() == ["c", "b"]
    again = [lost("c", NOW + 40)]
    await store.transact(lambda tx: tx.guards.lose(again, MANY))
    clock.now = NOW + 39
    assert await names() == ["c", "b"]
    clock.now = NOW + 40
    assert await names() == ["b"]
    assert await store.transact(lambda tx: tx.sweep(10)) == 1


async def test_no_guard_is_missed_for_longer_than_an_hour(store: Store) -> None:
    """Whatever it says of its own patience."""
    await store.transact(lambda tx: tx.guards.lose([lost("a", NOW + 10**9)], MANY))
    (found,) = await store.read(lambda tx: tx.guards.lost())
    assert found.line.bites_at == NOW + LONGEST_MISSED


async def test_strangers_that_come_and_go_cannot_fill_the_store(store: Store) -> None:
    """Nor can they push out those that have proved who they are."""
    few = Most(of_address=2, in_all=5)
    crowd = [lost(f"a{n}") for n in range(5)]
    crowd += [lost(f"b{n}", address=f"192.0.2.{n}") for n in range(9)]
    crowd += [lost(f"k{n}", client_id="notes") for n in range(5)]
    await store.transact(lambda tx: tx.guards.lose(crowd, few))
    found = await store.read(lambda tx: tx.guards.lost())
    assert len([each for each in found if each.line.client_id]) == 5
    strangers = [each.name for each in found if not each.line.client_id]
    assert len(strangers) == 5
    assert len([name for name in strangers if name.startswith("a")]) == 2


async def test_nor_can_one_client_that_comes_and_goes(store: Store) -> None:
    """Nor can it push out the guards of another."""
    few = Most(of_address=2, in_all=5)
    crowd = [lost(f"{client}{n}", client_id=client) for client in ("a", "b") for n in range(9)]
    await store.transact(lambda tx: tx.guards.lose(crowd, few))
    found = await store.read(lambda tx: tx.guards.lost())
    assert sorted(each.line.client_id for each in found) == ["a"] * 5 + ["b"] * 5
