"""Another address: proved, told of, and undone; each with its event (S72)."""

import pytest

from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity import email_change
from counterfoil.server.identity.email_change import Confirmation, Undoing, Wanted
from counterfoil.server.identity.passwords import PasswordRefused
from counterfoil.server.identity.sign_in import Attempt, sign_in
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.session import Origin
from tests.installation import PASSWORD, Installation, Person
from tests.joinings import NEW, user_of
from tests.recoveries import token_for

pytestmark = pytest.mark.anyio

ORIGIN = Origin("192.0.2.7", "Firefox")


async def confirmation(place: Installation, person: Person, email: str) -> Confirmation:
    attempt = Attempt(person.email, Secret(PASSWORD), ORIGIN)
    started = await sign_in(place.authority, place.server.passwords, attempt)
    assert started is not None
    assert await email_change.ask(place.authority, Wanted(person.user_id, email, "de"))
    token = await token_for(place, email)
    return Confirmation(Secret(token), started.session, "de", ORIGIN)


async def test_each_step_has_its_event(place: Installation, person: Person):
    new = f"new-{person.email}"
    found = await confirmation(place, person, new)
    assert await email_change.confirm(place.authority, found) is not None
    assert await email_change.confirm(place.authority, found) is None
    undoing = Undoing(Secret(await token_for(place, person.email)), Secret(NEW), "de", ORIGIN)
    assert await email_change.undo(place.authority, place.server.passwords, undoing) is not None
    assert await email_change.undo(place.authority, place.server.passwords, undoing) is None
    assert (await user_of(place, person.email)).email_verified
    query = EventQuery(subject=person.user_id)
    events = await place.authority.store.read(lambda tx: tx.events.find(query))
    known = {each.kind: each.proof for each in events}
    assert known[EventKind.EMAIL_CHANGED] == f"session:{found.session.id}"
    assert known[EventKind.EMAIL_RESTORED] == "link"
    assert all(new not in str(each) and person.email not in str(each) for each in events)


async def test_a_weak_password_undoes_nothing_and_spends_nothing(
    place: Installation, person: Person
):
    found = await confirmation(place, person, f"weak-{person.email}")
    await email_change.confirm(place.authority, found)
    token = Secret(await token_for(place, person.email))
    asked = Undoing(token, Secret(person.email), "en", ORIGIN)
    with pytest.raises(PasswordRefused):
        await email_change.undo(place.authority, place.server.passwords, asked)
    assert await email_change.look_back(place.authority, token) is not None


async def test_a_session_that_ended_confirms_nothing(place: Installation, person: Person):
    found = await confirmation(place, person, f"ended-{person.email}")
    end = found.session.id
    await place.authority.store.transact(lambda tx: revocation.end_session(tx, end, CLI))
    assert await email_change.confirm(place.authority, found) is None


async def test_another_spelling_of_ones_own_address_is_a_change(
    place: Installation, person: Person
):
    found = await confirmation(place, person, person.email.upper())
    assert await email_change.confirm(place.authority, found) is not None
    assert (await user_of(place, person.email)).email == person.email.upper()


async def test_who_is_disabled_meanwhile_gets_no_link(place: Installation, person: Person):
    found = await confirmation(place, person, f"off-{person.email}")
    await place.authority.store.transact(lambda tx: tx.users.disable(person.user_id, tx.now))
    assert await email_change.look(place.authority, found.token) is None
    assert await email_change.confirm(place.authority, found) is None


async def test_a_session_of_another_account_confirms_nothing(place: Installation, person: Person):
    """Whatever the page did: the link is spent by its own account alone."""
    found = await confirmation(place, person, f"mine-{person.email}")
    user = await place.add_user(f"other-{person.email}")
    stranger = Person(place, person.browser, user.email, user.id)
    other = await confirmation(place, stranger, f"theirs-{person.email}")
    crossed = Confirmation(found.token, other.session, "en", ORIGIN)
    assert await email_change.confirm(place.authority, crossed) is None
    assert await email_change.confirm(place.authority, found) is not None
