"""Conformance, on every engine: keys, events, sealed values, leases, sweeping."""

import asyncio

import pytest

from counterfoil.oauth.binding import UNBOUND
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.family import SKEW
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Store, Transaction
from tests.storage.conftest import Clock
from tests.storage.samples import (
    NOW,
    authorization,
    client_secret,
    event,
    family,
    grant,
    notice,
    session,
    signing_key,
)

pytestmark = pytest.mark.anyio


async def test_keys_come_oldest_first_by_purpose_and_their_times_can_change(store: Store) -> None:
    feed = signing_key(kid="feed", purpose=Purpose.FEED)
    newer = signing_key(kid="a-newer", created_at=NOW + 1, active_from=NOW + 60)
    for key in (newer, feed, signing_key()):
        await store.transact(lambda tx, key=key: tx.signing_keys.add(key))
    times = {"retired_at": NOW + 60, "gone_at": NOW + 400, "withdrawn_at": NOW + 70}
    retired = signing_key(sealed=b"sealed anew", **times)
    await store.transact(lambda tx: tx.signing_keys.replace(retired))
    assert await store.read(lambda tx: tx.signing_keys.every(Purpose.TOKENS)) == [retired, newer]
    assert await store.read(lambda tx: tx.signing_keys.every(Purpose.FEED)) == [feed]
    with pytest.raises(Conflict):
        await store.transact(lambda tx: tx.signing_keys.add(feed))


async def test_events_keep_their_order_and_come_newest_first(store: Store) -> None:
    """S111: who, what, when, from where."""
    kinds = [EventKind.SIGNED_IN, EventKind.GRANT_ENDED, EventKind.SESSION_ENDED]
    for kind in kinds:
        await store.transact(lambda tx, kind=kind: tx.events.append(event(kind=kind)))
    latest = await store.read(lambda tx: tx.events.latest(2))
    assert [each.kind for each in latest] == [kinds[2], kinds[1]]
    assert latest[1] == event(kind=kinds[1], number=2)


async def test_the_first_sealed_value_stands(store: Store) -> None:
    assert await store.read(lambda tx: tx.sealed.get("mac")) is None
    values = [bytes([number]) for number in range(20)]
    stands = await asyncio.gather(
        *(store.transact(lambda tx, v=v: tx.sealed.put_if_absent("mac", v)) for v in values)
    )
    assert len(set(stands)) == 1
    assert await store.read(lambda tx: tx.sealed.get("mac")) == stands[0]
    assert await store.read(lambda tx: tx.sealed.get("other")) is None
    await store.transact(lambda tx: tx.sealed.replace("mac", b"anew"))
    assert await store.read(lambda tx: tx.sealed.get("mac")) == b"anew"


async def test_a_high_water_mark_never_sinks(store: Store) -> None:
    numbers = [300, 900, 600, 0]
    stands = [
        await store.transact(lambda tx, n=n: tx.sealed.raise_to("longest", n)) for n in numbers
    ]
    assert stands == [300, 900, 900, 900]
    assert await store.read(lambda tx: tx.sealed.raise_to("longest", 0)) == 900
    assert await store.read(lambda tx: tx.sealed.raise_to("other", 0)) == 0


async def test_a_lease_is_held_by_one_until_it_runs_out(store: Store, clock: Clock) -> None:
    async def take(holder: str, seconds: int = 30) -> bool:
        return await store.transact(lambda tx: tx.leases.take("janitor", holder, seconds))

    assert (await asyncio.gather(*(take(f"worker-{i}") for i in range(10)))).count(True) == 1
    clock.now = NOW + 29
    assert not await take("late")
    assert await take("worker-0")
    clock.now = NOW + 58
    assert not await take("late")
    clock.now = NOW + 59
    assert await take("late")
    assert not await take("worker-0")
    assert await store.transact(lambda tx: tx.leases.take("other", "worker-0", 30))


async def test_giving_a_lease_up_lets_another_take_it(store: Store) -> None:
    assert await store.transact(lambda tx: tx.leases.take("janitor", "a", 30))
    assert await store.transact(lambda tx: tx.leases.take("janitor", "a", 0))
    assert await store.transact(lambda tx: tx.leases.take("janitor", "b", 30))


async def test_whether_a_lease_was_held_is_known_for_a_while(store: Store, clock: Clock) -> None:
    async def was_held(name: str = "carrier", within: int = 100) -> bool:
        return await store.read(lambda tx: tx.leases.was_held(name, within))

    assert not await was_held()
    assert await store.transact(lambda tx: tx.leases.take("carrier", "a", 30), beside=True)
    assert await was_held()
    assert not await was_held("janitor")
    assert await store.transact(lambda tx: tx.leases.take("carrier", "a", 0), beside=True)
    clock.now = NOW + 99
    assert await was_held()
    assert not await was_held(within=99)
    clock.now = NOW + 100
    assert not await was_held()


async def fill(tx: Transaction) -> None:
    """One of everything that can grow old, and a family that was made from a code."""
    await tx.sessions.add(session())
    await tx.clients.add_secret(client_secret(expires_at=NOW + 10))
    await tx.authorizations.add(authorization())
    await tx.authorizations.add(authorization(digest=b"unused"))
    await tx.authorizations.take(authorization().digest, "family-1", tx.now)
    await tx.families.add(family())
    await tx.notices.append([notice("a")])
    await tx.signing_keys.add(signing_key(retired_at=NOW, gone_at=NOW + 900))
    await tx.events.append(event())


async def test_what_matters_no_more_is_swept_in_its_time_and_events_are_kept(
    peopled: Store, clock: Clock
) -> None:
    """Rows grow with live grants, never with time."""
    await peopled.transact(fill)
    swept = {}
    for later in (59, 60, 359, 360, 899, 900, 3_599 + SKEW, 3_600 + SKEW, 86_400, 31 * 86_400):
        clock.now = NOW + later
        swept[later] = await peopled.transact(lambda tx: tx.sweep(100))
    assert {later: count for later, count in swept.items() if count} == {
        60: 1,  # the unused code
        360: 1,  # the notice
        900: 1,  # the key
        3_600 + SKEW: 1,  # the family, and with it the code that it was made from
        86_400: 1,  # the session
        31 * 86_400: 1,  # the client's secret
    }
    assert await peopled.read(lambda tx: tx.authorizations.find(authorization().digest)) is None
    assert len(await peopled.read(lambda tx: tx.events.latest(10))) == 1
    assert await peopled.read(lambda tx: tx.grants.every()) == [grant()]


async def test_a_used_code_is_recognised_as_long_as_its_family_is_kept(
    peopled: Store, clock: Clock
) -> None:
    """RFC 6749 §4.1.2: a replayed code ends its tokens, however late it is replayed."""
    await peopled.transact(fill)
    clock.now = NOW + 3_599
    await peopled.transact(lambda tx: tx.sweep(100))
    found = await peopled.read(lambda tx: tx.authorizations.find(authorization().digest))
    assert found is not None
    assert found.family_id == "family-1"


async def test_an_ended_family_is_kept_while_its_tokens_would_have_lived(
    peopled: Store, clock: Clock
) -> None:
    bare = family(
        id="bare", refresh_digest=None, refresh_expires_at=0, session_id=None, binding=UNBOUND
    )
    await peopled.transact(lambda tx: tx.families.add(family()))
    await peopled.transact(lambda tx: tx.families.add(bare))
    for ended in ("family-1", "bare"):
        await peopled.transact(lambda tx, ended=ended: tx.families.end(ended, NOW, "grant"))
    await peopled.transact(lambda tx: tx.grants.end("grant-1", NOW))
    clock.now = NOW + 300 + SKEW
    assert await peopled.transact(lambda tx: tx.sweep(100)) == 1
    assert await peopled.read(lambda tx: tx.families.find("bare")) is None
    assert await peopled.read(lambda tx: tx.families.find("family-1")) is not None
    clock.now = NOW + 3_600 + SKEW
    assert await peopled.transact(lambda tx: tx.sweep(100)) == 2
    assert await peopled.read(lambda tx: tx.grants.find("grant-1")) is None


async def test_ended_sessions_are_swept(peopled: Store) -> None:
    await peopled.transact(lambda tx: tx.sessions.add(session()))
    await peopled.transact(lambda tx: tx.sessions.end("sid-1", NOW))
    assert await peopled.transact(lambda tx: tx.sweep(100)) == 1
    assert await peopled.read(lambda tx: tx.sessions.find("sid-1")) is None


async def test_a_sweep_is_bounded(store: Store, clock: Clock) -> None:
    await store.transact(lambda tx: tx.notices.append([notice(f"n{i}") for i in range(10)]))
    clock.now = NOW + 1_000
    swept = [await store.transact(lambda tx: tx.sweep(4)) for _ in range(4)]
    assert swept == [4, 4, 2, 0]
    assert await store.read(lambda tx: tx.notices.oldest()) == 10
