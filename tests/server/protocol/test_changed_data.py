"""A change of a person's data is told by handles, for an hour, and of nobody else (S67)."""

import json

import pytest

from counterfoil.server.protocol.changed_data import TOLD_FOR, tell
from counterfoil.server.protocol.events import CLI
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def test_each_family_of_the_person_is_named_and_nobody_else(
    place: Installation, person: Person, visitor: Person
):
    await visitor.tokens()
    for _ in range(2):
        await person.tokens()
    store = place.authority.store
    before = await store.read(lambda tx: tx.notices.head())
    told = await store.transact(lambda tx: tell(tx, person.user_id, CLI))
    families = await store.read(lambda tx: tx.families.live_of_user(person.user_id))
    lines = await store.read(lambda tx: tx.notices.after(before[0].number, 10))
    notices = [json.loads(text) for _, text in lines]
    assert {each["name"] for each in notices} == {family.id for family in families}
    assert {each["kind"] for each in notices} == {"data_changed"}
    assert {each["until"] for each in notices} == {int(place.clock.now) + TOLD_FOR}
    assert person.user_id not in str(lines)
    assert told.position.number == before[0].number + len(families)


async def test_who_has_no_tokens_costs_no_notice(place: Installation, person: Person):
    store = place.authority.store
    before, _ = await store.read(lambda tx: tx.notices.head())
    told = await store.transact(lambda tx: tell(tx, person.user_id, CLI))
    assert told.position == before
