"""Conformance, on every engine: browsers that are remembered when their session is over (S24)."""

from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Store
from tests.storage.conftest import Clock
from tests.storage.samples import NOW, session, user

pytestmark = pytest.mark.anyio
FIRST = RememberedBrowser(
    id="r1",
    user_id="ada",
    digest=b"\x01" * 32,
    browser="b1",
    auth_time=NOW - 5,
    amr=("pwd", "otp", "mfa"),
    used_at=NOW,
    expires_at=NOW + 100,
    origin=Origin("192.0.2.7", "Firefox"),
)
NEXT = replace(FIRST, digest=b"\x02" * 32, before=FIRST.digest, number=1, used_at=NOW + 1)


async def kept(store: Store, *those: RememberedBrowser) -> None:
    async def work(tx: Any) -> None:
        for each in those:
            await tx.remembered_browsers.add(each)

    await store.transact(work)


async def find(store: Store, name: str = "r1") -> RememberedBrowser | None:
    return await store.read(lambda tx: tx.remembered_browsers.find(name))


async def test_it_is_found_as_it_was_added_until_it_expires(store: Store, clock: Clock) -> None:
    await kept(store, FIRST)
    assert await find(store) == FIRST
    assert await find(store, "r2") is None
    clock.now = NOW + 100
    assert await find(store) is None
    assert await store.read(lambda tx: tx.remembered_browsers.of_user("ada")) == []


async def test_those_of_a_person_come_the_last_used_first(store: Store) -> None:
    later = replace(FIRST, id="r2", used_at=NOW + 1)
    await kept(store, FIRST, later, replace(FIRST, id="r3", user_id="grace"))
    assert await store.read(lambda tx: tx.remembered_browsers.of_user("ada")) == [later, FIRST]


async def test_a_value_is_taken_once(store: Store) -> None:
    """The one before is kept, so that it is recognised; of two who take it, one succeeds."""
    await kept(store, FIRST)
    assert await store.transact(lambda tx: tx.remembered_browsers.rotate(NEXT))
    assert await find(store) == NEXT
    assert not await store.transact(lambda tx: tx.remembered_browsers.rotate(NEXT))
    third = replace(NEXT, digest=b"\x03" * 32, before=NEXT.digest, number=2)
    assert await store.transact(lambda tx: tx.remembered_browsers.rotate(third))
    assert await find(store) == third


async def test_one_that_has_expired_is_not_taken_and_is_swept(store: Store, clock: Clock) -> None:
    await kept(store, FIRST)
    clock.now = NOW + 100
    assert not await store.transact(lambda tx: tx.remembered_browsers.rotate(NEXT))
    assert await store.transact(lambda tx: tx.sweep(10)) == 1
    clock.now = NOW
    assert await find(store) is None


async def test_it_ends_once(store: Store) -> None:
    await kept(store, FIRST)
    assert await store.transact(lambda tx: tx.remembered_browsers.end("r1"))
    assert not await store.transact(lambda tx: tx.remembered_browsers.end("r1"))
    assert await find(store) is None


async def test_a_session_is_tied_while_it_is_the_same(store: Store) -> None:
    own = session()

    async def begin(tx: Any) -> None:
        await tx.users.add(user())
        await tx.sessions.add(own)

    await store.transact(begin)
    assert not await store.transact(lambda tx: tx.sessions.tie(own.id, b"\x09" * 32, "r1"))
    assert await store.transact(lambda tx: tx.sessions.tie(own.id, own.digest, "r1"))
    found = await store.read(lambda tx: tx.sessions.find(own.id))
    assert found == replace(own, remembered_id="r1")
    await store.transact(lambda tx: tx.sessions.end(own.id, NOW))
    assert not await store.transact(lambda tx: tx.sessions.tie(own.id, own.digest, "r2"))


async def test_that_a_session_was_recalled_is_kept_and_renewed(store: Store) -> None:
    own = replace(session(), remembered_id="r1", recalled=True)

    async def begin(tx: Any) -> None:
        await tx.users.add(user())
        await tx.sessions.add(own)

    await store.transact(begin)
    assert await store.read(lambda tx: tx.sessions.find(own.id)) == own
    renewed = replace(own, remembered_id="", recalled=False)
    assert await store.transact(lambda tx: tx.sessions.renew(renewed))
    assert await store.read(lambda tx: tx.sessions.find(own.id)) == renewed


async def test_a_beginning_anew_forgets_every_browser(store: Store) -> None:
    """A restored copy does not know which value was shown since, by whom."""
    await kept(store, FIRST)
    await store.transact(lambda tx: tx.beginnings.end_everything(NOW, "restored"))
    assert await find(store) is None


async def test_it_goes_with_its_person(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    await kept(store, FIRST, replace(FIRST, id="r2", user_id="grace"))
    await store.transact(lambda tx: tx.users.remove("ada"))
    assert await find(store) is None
    assert await find(store, "r2") is not None
