"""Adding, renaming and removing passkeys."""

from collections.abc import AsyncIterator

import pytest

from counterfoil.server.identity import passkeys
from counterfoil.server.identity.passkeys import (
    PasskeyRefused,
    PasskeyUnknown,
    Removal,
    SignInTooOld,
)
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.session import Session
from tests.authenticator import Authenticator
from tests.installation import Installation, Person, installed
from tests.passkeys import (
    ISSUER,
    ORIGIN,
    add,
    asked_to_make,
    passkeys_of,
    session_of,
    with_passkey,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    data = tmp_path_factory.mktemp("data")
    async with installed(data, issuer=ISSUER, passkeys_most=3) as place:
        yield place


@pytest.fixture
def phone() -> Authenticator:
    return Authenticator(ISSUER)


async def remove(person: Person, session: Session, name: str, *, lost: bool = False) -> Ending:
    authority = person.installation.authority
    removal = Removal(session, ORIGIN, name, lost=lost)
    return await authority.store.transact(lambda tx: passkeys.remove(authority, tx, removal))


async def kinds(person: Person) -> list[EventKind]:
    query = EventQuery(subject=person.user_id)
    found = await person.installation.authority.store.read(lambda tx: tx.events.find(query))
    return [each.kind for each in found]


async def test_one_is_added_and_told(place: Installation, person: Person, phone: Authenticator):
    passkey = await with_passkey(person, phone)
    assert await passkeys_of(person) == [passkey]
    assert passkey.name == "Phone"
    assert passkey.credential_id == phone.credentials[0].id
    assert len(passkey.user_handle) == 32
    assert person.email.encode() not in passkey.user_handle
    assert person.user_id.encode() not in passkey.user_handle
    assert (await kinds(person))[0] is EventKind.PASSKEY_ADDED


async def test_all_of_a_person_have_one_handle_and_a_known_one_is_excluded(
    place: Installation, person: Person, phone: Authenticator
):
    first = await with_passkey(person, phone)
    second = await with_passkey(person, Authenticator(ISSUER))
    assert first.user_handle == second.user_handle
    question = await asked_to_make(person, await session_of(person))
    assert question.options.count('"excludeCredentials":[{') == 1
    assert question.options.count('"transports"') == 2


async def test_an_answer_is_good_once_and_in_its_own_session(
    place: Installation, person: Person, visitor: Person, phone: Authenticator
):
    session, other = await session_of(person), await session_of(visitor)
    question = await asked_to_make(person, session)
    answer = phone.create(question.options)
    with pytest.raises(PasskeyRefused):
        await add(person, other, question, answer)
    await add(person, session, question, answer)
    again = phone.create(question.options)
    with pytest.raises(PasskeyRefused):
        await add(person, session, question, again)


async def test_another_persons_credential_is_not_taken(
    place: Installation, person: Person, visitor: Person, phone: Authenticator
):
    """§7.1: whoever registered it would be taken for its owner, or its owner for them."""
    owned = await with_passkey(person, phone)
    stranger = await place.add_user("thief@example.com")
    thief = Person(place, visitor.browser, stranger.email, stranger.id)
    session = await session_of(thief)
    question = await asked_to_make(thief, session)
    answer = Authenticator(ISSUER).create(question.options, credential_id=owned.credential_id)
    with pytest.raises(PasskeyRefused):
        await add(thief, session, question, answer)
    assert await passkeys_of(thief) == []
    assert await passkeys_of(person) == [owned]


async def test_there_are_not_too_many(place: Installation, person: Person):
    session = await session_of(person)
    asked = [await asked_to_make(person, session) for _ in range(4)]
    for question in asked[:3]:
        await add(person, session, question, Authenticator(ISSUER).create(question.options))
    with pytest.raises(PasskeyRefused, match="3 passkeys already"):
        await asked_to_make(person, session)
    with pytest.raises(PasskeyRefused, match="3 passkeys already"):
        await add(person, session, asked[3], Authenticator(ISSUER).create(asked[3].options))


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\0b", "a\u202eb"])
async def test_a_name_can_be_read(
    place: Installation, person: Person, phone: Authenticator, name: str
):
    session = await session_of(person)
    question = await asked_to_make(person, session)
    with pytest.raises(PasskeyRefused, match="name"):
        await add(person, session, question, phone.create(question.options), name)
    passkey = await with_passkey(person, phone)
    given = (passkey.id, name)
    rename = place.authority.store.transact(lambda tx: passkeys.rename(tx, session, ORIGIN, given))
    with pytest.raises(PasskeyRefused, match="name"):
        await rename


async def test_it_is_renamed_by_its_person(
    place: Installation, person: Person, phone: Authenticator
):
    session = await session_of(person)
    passkey = await with_passkey(person, phone)
    named = (passkey.id, " My   ring ")
    await place.authority.store.transact(lambda tx: passkeys.rename(tx, session, ORIGIN, named))
    assert [each.name for each in await passkeys_of(person)] == ["My ring"]
    assert (await kinds(person))[0] is EventKind.PASSKEY_RENAMED


async def test_it_is_removed_and_told_and_nothing_else_ends(
    place: Installation, person: Person, visitor: Person, phone: Authenticator
):
    session, elsewhere = await session_of(person), await session_of(visitor)
    passkey = await with_passkey(person, phone)
    ending = await remove(person, session, passkey.id)
    assert not ending.ended
    assert await passkeys_of(person) == []
    assert (await kinds(person))[0] is EventKind.PASSKEY_REMOVED
    after = await place.authority.store.read(lambda tx: tx.sessions.find(elsewhere.id))
    assert after is not None
    assert after.ended_at is None


async def test_with_a_lost_device_every_other_browser_ends(
    place: Installation, person: Person, visitor: Person, phone: Authenticator
):
    session, elsewhere = await session_of(person), await session_of(visitor)
    passkey = await with_passkey(person, phone)
    await remove(person, session, passkey.id, lost=True)

    async def ended(name: str) -> bool:
        found = await place.authority.store.read(lambda tx: tx.sessions.find(name))
        return found is None or found.ended_at is not None

    assert await ended(elsewhere.id)
    assert not await ended(session.id)


async def test_the_only_way_in_is_not_removed(
    place: Installation, person: Person, phone: Authenticator
):
    """S76: whoever has no password keeps one passkey at least."""
    store = place.authority.store
    user = await place.add_user(f"only-{person.email}")
    keyed = Person(place, person.browser, user.email, user.id)
    first = await with_passkey(keyed, phone)
    await store.transact(lambda tx: tx.users.set_password(user.id, None))
    session = await session_of(keyed)
    with pytest.raises(PasskeyRefused, match="could not sign in any more"):
        await remove(keyed, session, first.id)
    await with_passkey(keyed, Authenticator(ISSUER))
    await remove(keyed, session, first.id)
    (last,) = await passkeys_of(keyed)
    with pytest.raises(PasskeyRefused):
        await remove(keyed, session, last.id)


async def test_another_persons_looks_as_if_it_were_not_there(
    place: Installation, person: Person, visitor: Person, phone: Authenticator
):
    passkey = await with_passkey(person, phone)
    stranger = await place.add_user(f"another-{person.email}")
    session = await session_of(Person(place, visitor.browser, stranger.email, stranger.id))
    with pytest.raises(PasskeyUnknown):
        await remove(visitor, session, passkey.id)
    named = (passkey.id, "Mine")
    with pytest.raises(PasskeyUnknown):
        await place.authority.store.transact(lambda tx: passkeys.rename(tx, session, ORIGIN, named))


async def test_an_old_sign_in_adds_and_removes_nothing(
    place: Installation, person: Person, phone: Authenticator
):
    """S105: an open browser is no way to a key, nor to take one away."""
    session = await session_of(person)
    passkey = await with_passkey(person, phone)
    place.clock.turn(place.authority.settings.fresh_sign_in_age)
    question = await asked_to_make(person, session)
    with pytest.raises(SignInTooOld):
        await add(person, session, question, phone.create(question.options))
    with pytest.raises(SignInTooOld):
        await remove(person, session, passkey.id)
    assert await passkeys_of(person) == [passkey]


async def test_a_session_that_has_ended_meanwhile_adds_nothing(
    place: Installation, person: Person, phone: Authenticator
):
    session = await session_of(person)
    question = await asked_to_make(person, session)
    end = place.authority.store.transact(lambda tx: revocation.end_session(tx, session.id, CLI))
    await end
    with pytest.raises(SignInTooOld):
        await add(person, session, question, phone.create(question.options))
