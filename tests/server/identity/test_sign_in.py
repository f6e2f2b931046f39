"""Signing in with e-mail and password."""

from collections.abc import Awaitable, Callable

import pytest

from counterfoil.oauth.opaque import Kind, Secret, is_spelled
from counterfoil.server.identity.session_start import NewSession
from counterfoil.server.identity.sign_in import Attempt, sign_in
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.session import Origin, Session
from tests.installation import PASSWORD, Installation, Person

pytestmark = pytest.mark.anyio

ORIGIN = Origin("192.0.2.7", "Firefox")
Try = Callable[..., Awaitable[NewSession | None]]


@pytest.fixture
def attempt(place: Installation, person: Person) -> Try:
    async def attempt(
        password: str = PASSWORD, email: str = "", current: Session | None = None
    ) -> NewSession | None:
        given = Attempt(email or person.email, Secret(password), ORIGIN, current)
        return await sign_in(place.authority, place.server.passwords, given)

    return attempt


async def latest(place: Installation) -> Event:
    (event,) = await place.authority.store.read(lambda tx: tx.events.latest(1))
    return event


async def sessions_of(person: Person) -> list[Session]:
    store = person.installation.authority.store
    return await store.read(lambda tx: tx.sessions.of_user(person.user_id))


async def test_the_right_password_begins_a_session(
    place: Installation, person: Person, attempt: Try
):
    found = await attempt()
    assert found is not None
    assert found.session.user_id == person.user_id
    assert found.session.auth_time == int(place.clock())
    assert is_spelled(Kind.SESSION, found.secret.reveal())
    assert found.session.digest == found.secret.fingerprint()
    event = await latest(place)
    assert event.kind is EventKind.SIGNED_IN
    assert (event.actor, event.address) == (f"user:{person.user_id}", "192.0.2.7")


async def test_the_email_is_found_however_it_is_typed(person: Person, attempt: Try):
    assert await attempt(email=f" {person.email.upper()} ") is not None


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " ", PASSWORD.upper()])
async def test_a_wrong_password_does_not(
    place: Installation, person: Person, attempt: Try, password: str
):
    assert await attempt(password) is None
    assert await sessions_of(person) == []
    assert (await latest(place)).kind is EventKind.SIGN_IN_FAILED


@pytest.mark.parametrize("email", ["nobody@example.com", "", "x", "\0"])
async def test_an_unknown_person_does_not(attempt: Try, email: str):
    assert await attempt(email=email or " ") is None


async def test_an_unknown_person_costs_a_hash_too(
    place: Installation, attempt: Try, monkeypatch: pytest.MonkeyPatch
):
    """S104: time tells nothing about who exists."""
    checked: list[str | None] = []
    verify = place.server.passwords.verify

    async def watched(password: str, stored: str | None) -> bool:
        checked.append(stored)
        return await verify(password, stored)

    monkeypatch.setattr(place.server.passwords, "verify", watched)
    await attempt(email="nobody@example.com")
    assert checked == [None]


async def test_a_disabled_person_does_not(place: Installation, person: Person, attempt: Try):
    store = place.authority.store
    await store.transact(lambda tx: revocation.disable_user(tx, person.user_id, CLI))
    assert await attempt() is None


async def test_each_sign_in_has_a_secret_of_its_own(attempt: Try):
    """S104: session fixation finds nothing to fix."""
    one, other = await attempt(), await attempt()
    assert one is not None
    assert other is not None
    assert one.secret != other.secret
    assert one.session.id != other.session.id


async def test_signing_in_again_renews_the_session_and_its_secret(
    place: Installation, person: Person, attempt: Try
):
    """What goes on in the session goes on; the old cookie is worth nothing."""
    first = await attempt()
    assert first is not None
    place.clock.turn(100)
    again = await attempt(current=first.session)
    assert again is not None
    assert again.session.id == first.session.id
    assert again.secret != first.secret
    (session,) = await sessions_of(person)
    assert session.digest == again.secret.fingerprint()
    assert session.auth_time == int(place.clock())


async def test_another_persons_sign_in_ends_the_session_before(
    place: Installation, person: Person, attempt: Try
):
    """S104: nobody goes on in somebody else's session."""
    first = await attempt()
    assert first is not None
    other = f"other-{person.email}"
    await place.add_user(other)
    found = await attempt(email=other, current=first.session)
    assert found is not None
    assert found.session.id != first.session.id
    assert await sessions_of(person) == []


async def test_an_ended_session_is_not_renewed(place: Installation, person: Person, attempt: Try):
    first = await attempt()
    assert first is not None
    store = place.authority.store
    await store.transact(lambda tx: revocation.end_session(tx, first.session.id, CLI))
    again = await attempt(current=first.session)
    assert again is not None
    assert again.session.id != first.session.id


async def test_after_several_failures_even_the_right_password_waits(
    place: Installation, attempt: Try
):
    """S104: guessing is hopeless, and nobody is locked out for good."""
    settings = place.authority.settings
    for _ in range(settings.sign_in_tries):
        await attempt("wrong")
    assert await attempt() is None
    place.clock.turn(settings.sign_in_lock)
    assert await attempt() is not None
    for _ in range(settings.sign_in_tries - 1):
        await attempt("wrong")
    assert await attempt() is not None


async def test_a_password_does_not_grow_old(place: Installation, attempt: Try):
    """ASVS V6.2.10: nobody is made to change it."""
    place.clock.turn(10 * 365 * 24 * 60 * 60)
    assert await attempt() is not None
