"""Changing one's own password: the old one is proved, everything elsewhere ends (S38, S104)."""

import asyncio
from urllib.parse import urlsplit

import pytest

from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity.password_change import Changed, PasswordChange, change_password
from counterfoil.server.identity.passwords import PasswordRefused
from counterfoil.server.identity.second_factor import strengthened
from counterfoil.server.identity.session_start import NewSession
from counterfoil.server.identity.sign_in import Attempt, sign_in
from counterfoil.server.protocol import events, registration, revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.session import Origin, Session
from tests.installation import PASSWORD, Installation, Person
from tests.recoveries import mail_for

pytestmark = pytest.mark.anyio

ORIGIN = Origin("192.0.2.7", "Firefox")
NEW = "a password of her own"


async def signed_in(place: Installation, person: Person, password: str = PASSWORD):
    attempt = Attempt(person.email, Secret(password), ORIGIN)
    return await sign_in(place.authority, place.server.passwords, attempt)


@pytest.fixture
async def here(place: Installation, person: Person) -> NewSession:
    found = await signed_in(place, person)
    assert found is not None
    return found


async def change(
    place: Installation, session: Session, current: str = PASSWORD, new: str = NEW
) -> Changed | None:
    asked = PasswordChange(session, Secret(current), Secret(new), ORIGIN)
    return await change_password(place.authority, place.server.passwords, asked)


async def test_the_name_of_this_place_is_no_password(
    place: Installation, person: Person, here: NewSession
):
    """Whoever guesses knows it, here as behind every link."""
    with pytest.raises(PasswordRefused, match="easily guessed"):
        await change(place, here.session, new=urlsplit(place.issuer).netloc)


async def test_the_new_password_opens_and_the_old_one_does_not(
    place: Installation, person: Person, here: NewSession
):
    assert await change(place, here.session)
    assert await signed_in(place, person) is None
    assert await signed_in(place, person, NEW) is not None
    events = await place.authority.store.read(lambda tx: tx.events.latest(10))
    (event,) = [each for each in events if each.kind is EventKind.PASSWORD_CHANGED]
    assert (event.actor, event.subject) == (f"user:{person.user_id}", person.user_id)


async def test_the_owner_is_told_by_mail(place: Installation, person: Person, here: NewSession):
    """ASVS V6.3.7: of a password that was changed, and of no try."""
    assert await change(place, here.session, "wrong password") is None
    assert await mail_for(place, person.email) == []
    assert await change(place, here.session)
    (told,) = await mail_for(place, person.email)
    assert "A new password was chosen for your account" in " ".join(told.split())
    assert "/forgotten-password" in told


async def test_every_other_browser_is_signed_out_and_this_one_goes_on_under_a_new_secret(
    place: Installation, person: Person, here: NewSession
):
    """S38; and a stolen copy of this browser's cookie is worth nothing afterwards."""
    await signed_in(place, person)
    changed = await change(place, here.session)
    assert changed is not None
    assert changed.ending.sessions == 1
    store = place.authority.store
    (left,) = await store.read(lambda tx: tx.sessions.of_user(person.user_id))
    assert (left.id, left.digest) == (here.session.id, changed.secret.fingerprint())
    assert left.expires_at == here.session.expires_at
    stolen = here.secret.fingerprint()
    assert await store.read(lambda tx: tx.sessions.find_by_digest(stolen)) is None


@pytest.mark.parametrize("wrong", ["", "wrong", PASSWORD + " ", "x" * 5000])
async def test_a_wrong_password_changes_nothing_and_counts_as_a_failed_sign_in(
    place: Installation, person: Person, here: NewSession, wrong: str
):
    """Whoever holds a stolen session guesses no faster here than at the sign-in."""
    assert await change(place, here.session, wrong) is None
    user = await place.authority.store.read(lambda tx: tx.users.find(person.user_id))
    assert user is not None
    assert user.failed_sign_ins == 1
    for _ in range(place.authority.settings.sign_in_tries):
        await change(place, here.session, wrong)
    assert await change(place, here.session) is None, "the account pauses"
    place.clock.turn(place.authority.settings.sign_in_lock_most)
    assert await change(place, here.session) is not None


@pytest.mark.parametrize("new", ["", "short", "x" * 257])
async def test_a_password_that_cannot_be_one_is_refused_before_the_old_one_is_looked_at(
    place: Installation, here: NewSession, new: str
):
    """Else a refusal of the new one would tell for free that the old one was right."""
    for current in (PASSWORD, "wrong"):
        with pytest.raises(PasswordRefused):
            await change(place, here.session, current, new)


async def test_an_ended_session_changes_nothing(
    place: Installation, person: Person, here: NewSession
):
    store = place.authority.store
    await store.transact(lambda tx: revocation.end_session(tx, here.session.id, CLI))
    assert await change(place, here.session) is None
    assert await signed_in(place, person) is not None


async def test_of_two_at_once_one_wins(place: Installation, person: Person, here: NewSession):
    """The hash that was proved is replaced in one statement."""
    both = await asyncio.gather(
        change(place, here.session, new=NEW), change(place, here.session, new=NEW + "!")
    )
    assert len([each for each in both if each is not None]) == 1


async def test_a_sign_in_with_the_old_password_that_was_under_way_fails(
    place: Installation, person: Person, monkeypatch: pytest.MonkeyPatch
):
    """An administrator ends the password while it is being verified: the thief who
    is signing in with it must not come in after everything of theirs has ended."""
    passwords, store = place.server.passwords, place.authority.store
    verify = passwords.verify

    async def slow(password: str, stored: str | None) -> bool:
        right = await verify(password, stored)
        await store.transact(lambda tx: registration.end_password(tx, person.user_id, CLI))
        return right

    monkeypatch.setattr(passwords, "verify", slow)
    assert await signed_in(place, person) is None
    assert await store.read(lambda tx: tx.sessions.of_user(person.user_id)) == []


async def test_a_session_that_became_stronger_meanwhile_is_not_handed_on(
    place: Installation, person: Person, here: NewSession, monkeypatch: pytest.MonkeyPatch
):
    """A copy of the cookie from before, with the password, would be as strong as its owner."""
    passwords, store = place.server.passwords, place.authority.store
    verify = passwords.verify
    by = events.by_session(here.session, ORIGIN)

    async def slow(password: str, stored: str | None) -> bool:
        right = await verify(password, stored)
        await store.transact(lambda tx: strengthened(tx, here.session, by))
        return right

    monkeypatch.setattr(passwords, "verify", slow)
    assert await change(place, here.session) is None
    monkeypatch.undo()
    assert await signed_in(place, person, NEW) is None
