"""Conformance, on every engine: what limited tokens may still do, exact however many take (S54)."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.oauth.allowances import USES
from counterfoil.oauth.revocations import Marks
from counterfoil.server.records.allowance import (
    Allowance,
    Outcome,
    Owner,
    Return,
    Take,
    Taken,
)
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.listing import Part
from counterfoil.server.records.store import Store, Transaction
from tests.storage.conftest import Clock
from tests.storage.samples import NOTES, NOW

pytestmark = pytest.mark.anyio

JTI = "token"
PARENT = Marks("parent", "", "other", 3, "https://api.example/mail", 4, "kid", NOW - 9)
ALLOWED = Allowance(
    name=USES,
    total=5,
    marks=Marks(JTI, "family", "app", 1, NOTES, 2, "kid", NOW - 5, (PARENT,)),
    subject="ada",
    expires_at=NOW + 300,
    kept_until=NOW + 360,
    draws_on="parent",
)


def taking(key: str, amount: int = 1, **changes: Any) -> Take:
    return replace(Take(JTI, USES, key, "guard", amount, amount), **changes)


def back(key: str, amount: int, **changes: Any) -> Return:
    return replace(Return(JTI, USES, key, "guard", amount), **changes)


async def take(store: Store, take: Take) -> Taken:
    return await store.transact(lambda tx: tx.allowances.take(take), beside=True)


async def give_back(store: Store, back: Return) -> int:
    return await store.transact(lambda tx: tx.allowances.give_back(back), beside=True)


async def left(store: Store, name: str = USES) -> int:
    found = await store.read(lambda tx: tx.allowances.find(JTI, name))
    assert found is not None
    return found.left


@pytest.fixture(autouse=True)
async def allowed(store: Store) -> None:
    await store.transact(lambda tx: tx.allowances.add(ALLOWED))


async def test_what_was_added_is_found(store: Store):
    assert await store.read(lambda tx: tx.allowances.find(JTI, USES)) == ALLOWED
    assert await store.read(lambda tx: tx.allowances.find(JTI, "transfers")) is None
    assert await store.read(lambda tx: tx.allowances.find("other", USES)) is None
    with pytest.raises(Conflict):
        await store.transact(lambda tx: tx.allowances.add(ALLOWED))


async def test_so_many_takes_succeed_and_no_more(store: Store):
    """S54: fifty at once, each under a key of its own."""
    every = await asyncio.gather(*(take(store, taking(f"k{n}")) for n in range(50)))
    assert sum(each.granted for each in every) == 5
    assert [each.outcome for each in every].count(Outcome.USED_UP) == 45
    assert sorted(each.left for each in every if each.granted) == [0, 1, 2, 3, 4]
    assert await left(store) == 0


async def test_several_processes_share_one_allowance(store: Store, engine: Any, clock: Clock):
    """S54: stores of their own on one database."""
    other = await engine.open(clock)
    try:
        takers = [take((store, other)[n % 2], taking(f"k{n}")) for n in range(40)]
        every = await asyncio.gather(*takers)
    finally:
        await other.close()
    assert sum(each.granted for each in every) == 5


async def test_the_same_take_again_gives_the_same_answer(store: Store):
    """A retry spends nothing, however many are under way."""
    one = taking("key", 3)
    every = await asyncio.gather(*(take(store, one) for _ in range(20)))
    assert set(every) == {Taken(Outcome.GRANTED, 3, 2)}
    assert await left(store) == 2
    await take(store, taking("other", 2))
    assert await take(store, one) == Taken(Outcome.GRANTED, 3, 0)


async def test_the_last_one_is_retried_by_many_at_once(store: Store):
    one = taking("key", 5)
    every = await asyncio.gather(*(take(store, one) for _ in range(20)))
    assert {each.granted for each in every} == {5}


@pytest.mark.parametrize("change", [{"taker": "other"}, {"amount": 2}, {"amount": 2, "least": 2}])
async def test_a_key_stands_for_one_take(store: Store, change: dict[str, Any]):
    one = taking("key", 1)
    await take(store, one)
    assert await take(store, replace(one, **change)) == Taken(Outcome.KEY_REUSED)
    assert await left(store) == 4


async def test_a_lease_is_what_there_is(store: Store):
    """Of what is asked as much is granted as there is, if that is enough."""
    lease = taking("key", 4, least=1)
    assert await take(store, lease) == Taken(Outcome.GRANTED, 4, 1)
    assert await take(store, taking("all", 4)) == Taken(Outcome.USED_UP)
    assert await take(store, replace(lease, key="rest")) == Taken(Outcome.GRANTED, 1, 0)
    assert await take(store, replace(lease, key="none")) == Taken(Outcome.USED_UP)


async def test_what_is_given_back_can_be_taken_again(store: Store):
    await take(store, taking("key", 4))
    returns = await asyncio.gather(*(give_back(store, back("key", 3)) for _ in range(10)))
    assert sorted(returns) == [0] * 9 + [3]
    assert await left(store) == 4
    assert await give_back(store, back("key", 1)) == 0
    assert (await take(store, taking("again", 4))).granted == 4


@pytest.mark.parametrize("wrong", [{"amount": 3}, {"taker": "other"}, {"key": "k"}, {"jti": "x"}])
async def test_nobody_gives_back_what_they_were_not_granted(store: Store, wrong: dict[str, Any]):
    await take(store, taking("key", 2))
    assert await give_back(store, replace(back("key", 2), **wrong)) == 0
    assert await left(store) == 3


async def test_allowances_have_names(store: Store):
    """A sum beside a number: each is counted for itself."""
    euros = replace(ALLOWED, name="eur", total=100)
    await store.transact(lambda tx: tx.allowances.add(euros))
    assert (await take(store, taking("key", 60, name="eur"))).left == 40
    assert (await take(store, taking("key2", 60, name="eur"))).outcome is Outcome.USED_UP
    assert await left(store) == 5
    assert await left(store, "eur") == 40


async def test_nothing_is_left_of_a_token_that_has_expired(store: Store, clock: Clock):
    """S55: though it was never used."""
    clock.now = ALLOWED.expires_at - 1
    assert (await take(store, taking("a"))).granted == 1
    clock.now += 1
    assert (await take(store, taking("b"))).outcome is Outcome.USED_UP
    assert (await take(store, replace(taking("a"), jti="unknown"))).outcome is Outcome.USED_UP


async def test_live_ones_are_listed_newest_first(store: Store, clock: Clock):
    def of(jti: str, subject: str, client_id: str, age: int) -> Allowance:
        marks = Marks(jti, "", client_id, 1, NOTES, 1, "kid", NOW - age)
        return replace(ALLOWED, marks=marks, subject=subject, expires_at=NOW + 300 - age)

    async def work(tx: Transaction) -> None:
        await tx.allowances.add(of("old", "ada", "app", 10))
        await tx.allowances.add(of("others", "bob", "app", 1))
        await tx.allowances.add(of("service", "service", "service", 1))

    async def live(subject: str = "", client_id: str = "", limit: int = 10) -> list[str]:
        owner, part = Owner(subject, client_id), Part(limit)
        found = await store.read(lambda tx: tx.allowances.live_of(owner, USES, part))
        return [each.marks.jti for each in found]

    await store.transact(work)
    assert await live("ada") == [JTI, "old"]
    assert await live("ada", limit=1) == [JTI]
    assert await live(client_id="app") == ["others", JTI, "old"]
    assert await live("bob", "service") == []
    assert await live("ada", "app", 1) == [JTI]
    after = Part(5, NOW - 5, JTI)
    older = await store.read(lambda tx: tx.allowances.live_of(Owner("ada"), USES, after))
    assert [each.marks.jti for each in older] == ["old"]
    assert await store.read(lambda tx: tx.allowances.live_of(Owner("ada"), "x", Part(5))) == []
    assert await live() == []
    clock.now = NOW + 290
    assert await live("ada") == [JTI]


async def test_all_is_swept_when_the_token_can_matter_no_more(store: Store, clock: Clock):
    for key in ("a", "b", "c"):
        await take(store, taking(key))
    clock.now = ALLOWED.kept_until - 1
    assert await store.transact(lambda tx: tx.sweep(100)) == 0
    clock.now += 1
    assert [await store.transact(lambda tx: tx.sweep(2)) for _ in range(3)] == [3, 1, 0]
    assert await store.read(lambda tx: tx.allowances.find(JTI, USES)) is None


async def test_a_key_stands_for_one_purpose(store: Store):
    assert (await take(store, taking("key", purpose="500"))).granted == 1
    assert (await take(store, taking("key", purpose="500"))).granted == 1
    assert (await take(store, taking("key", purpose="501"))).outcome is Outcome.KEY_REUSED
    assert (await take(store, taking("key"))).outcome is Outcome.KEY_REUSED
    assert await left(store) == 4


async def test_to_take_nothing_is_to_note_the_key(store: Store):
    """A transaction may be of no amount; its key is not good for another."""
    assert (await take(store, taking("key", 0))).outcome is Outcome.GRANTED
    assert (await take(store, taking("key", 3))).outcome is Outcome.KEY_REUSED
    assert await left(store) == 5
