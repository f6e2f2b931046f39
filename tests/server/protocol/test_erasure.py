"""Erasing a person from the log: nothing is left that names or locates them (S111)."""

import pytest

from counterfoil.server.audit.verification import verify
from counterfoil.server.protocol import events
from counterfoil.server.protocol.erasure import erase_from_log
from counterfoil.server.records.event import Event, EventKind, EventQuery
from tests.installation import Installation, Person, hidden_fields

pytestmark = pytest.mark.anyio


async def log_of(place: Installation) -> list[Event]:
    return await place.authority.store.read(lambda tx: tx.events.latest(10_000))


async def test_a_person_is_gone_from_every_line_and_the_chain_holds(
    place: Installation, person: Person, visitor: Person
):
    """S111: found by their id until then; also where an app acted from their address."""
    store = place.authority.store
    agent = f"Browser of {person.user_id}"
    person.browser.headers["user-agent"] = agent
    await person.tokens()
    answer = await person.tokens("spa")
    form = {"token": answer["access_token"], "client_id": "spa"}
    assert (await person.browser.post("/revoke", data=form)).status_code == 200
    page = (await person.browser.get("/account/apps")).text
    await person.browser.post("/account/sign-out", data=hidden_fields(page))
    before = await log_of(place)
    query = EventQuery(person=person.user_id, limit=100)
    assert len(await store.read(lambda tx: tx.events.find(query))) > 5
    parts = await store.transact(lambda tx: erase_from_log(tx, person.user_id, events.CLI))
    assert parts > 10
    after = await log_of(place)
    assert not [e for e in after if person.user_id in repr(e) or agent in repr(e)]
    *told, _ = (after[number] for number in range(len(after) - len(before) + 1))
    rest = after[len(told) :]
    assert {each.kind for each in told} == {EventKind.PERSONAL_DATA_ERASED}
    assert sum(int(each.detail["parts"]) for each in told) == parts
    kept = [(e.number, e.kind, e.at, e.proof) for e in rest]
    assert kept == [(e.number, e.kind, e.at, e.proof) for e in before]
    found = await store.read(lambda tx: verify(tx, [], []))
    assert (found.faults, found.erased_parts) == ((), parts)
    assert await store.transact(lambda tx: erase_from_log(tx, person.user_id, events.CLI)) == 0
    assert await log_of(place) == after


async def test_others_stay(place: Installation, person: Person):
    """S111."""
    await person.tokens()
    before = await log_of(place)
    store = place.authority.store
    assert await store.transact(lambda tx: erase_from_log(tx, "nobody", events.CLI)) == 0
    assert await store.transact(lambda tx: erase_from_log(tx, "", events.CLI)) == 0
    assert await log_of(place) == before
