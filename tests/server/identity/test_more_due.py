"""What is asked for beside what was shown: by whom it is switched on, and of whom demanded."""

import pytest

from counterfoil.oauth.acr import FEDERATED, KEY, ONE_TIME, PASSWORD, SEVERAL_FACTORS
from counterfoil.server.identity.more_due import more_due
from counterfoil.server.protocol.noticing.noting import Arrival
from counterfoil.server.records.session import Origin
from tests.installation import Installation, Person
from tests.second_factors import enrol

pytestmark = pytest.mark.anyio
ORIGIN = Origin("192.0.2.1", "")
SINGLE = [(PASSWORD,), (FEDERATED,), (KEY,)]


async def is_due(place: Installation, user_id: str, amr: tuple[str, ...]) -> bool:
    user = await place.authority.store.read(lambda tx: tx.users.find(user_id))
    assert user is not None
    arrival = Arrival(user, ORIGIN, browser_known=True)
    authority = place.authority
    due = await authority.store.transact(lambda tx: more_due(authority, tx, arrival, amr))
    assert not due.held, "nothing was noticed"
    return due.more


@pytest.mark.parametrize("amr", SINGLE)
async def test_whoever_switched_an_app_on_is_asked_however_they_came(
    place: Installation, person: Person, amr: tuple[str, ...]
):
    assert not await is_due(place, person.user_id, amr)
    await enrol(person)
    assert await is_due(place, person.user_id, amr)
    for more in (ONE_TIME, SEVERAL_FACTORS):
        assert not await is_due(place, person.user_id, (*amr, more, SEVERAL_FACTORS))
