"""A passkey of one person who is known already: a second factor, or a step up (S105)."""

from collections.abc import AsyncIterator

import pytest

from counterfoil.server.identity.ceremony import Answer, Holder, Purpose
from counterfoil.server.identity.passkey_proof import (
    Proved,
    Question,
    ask_anybody,
    ask_person,
    spend,
    verify,
)
from counterfoil.server.identity.webauthn import NotProved
from counterfoil.server.records.event import EventKind, EventQuery
from tests.authenticator import Authenticator, spelled
from tests.installation import Installation, Person, installed
from tests.passkeys import ISSUER, ORIGIN, fresh, passkeys_of, with_passkey

pytestmark = pytest.mark.anyio

HOLDER = Holder(Purpose.CONFIRM, "browser")


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("data"), issuer=ISSUER) as place:
        yield place


@pytest.fixture
def phone() -> Authenticator:
    return Authenticator(ISSUER, verifies=False)


async def ask(person: Person) -> Question:
    place = person.installation
    question = await ask_person(place.authority, HOLDER, fresh(place), person.user_id)
    assert question is not None
    return question


async def prove(place: Installation, question: Question, answer: str) -> Proved | None:
    authority = place.authority
    given = Answer(question.sealed, answer)
    verified = await verify(authority, HOLDER, given, place.clock())
    return await authority.store.transact(lambda tx: spend(authority, tx, verified, ORIGIN))


async def test_one_that_was_only_touched_is_no_two_factors_by_itself(
    place: Installation, person: Person, phone: Authenticator
):
    passkey = await with_passkey(person, phone)
    question = await ask(person)
    assert spelled(passkey.credential_id) in question.options
    proved = await prove(place, question, phone.get(question.options))
    assert proved is not None
    assert proved.user.id == person.user_id
    assert proved.amr == ("pop", "user")


async def test_whoever_has_none_is_not_asked(place: Installation, person: Person):
    asked = await ask_person(place.authority, HOLDER, fresh(place), person.user_id)
    assert asked is None


async def test_another_persons_is_not_taken(
    place: Installation, person: Person, visitor: Person, phone: Authenticator
):
    await with_passkey(person, phone)
    stranger = await place.add_user("stranger@example.com")
    thief = Person(place, visitor.browser, stranger.email, stranger.id)
    other = Authenticator(ISSUER)
    await with_passkey(thief, other)
    question = await ask(person)
    with pytest.raises(NotProved, match="another person's"):
        await prove(place, question, other.get(question.options))


async def test_who_was_named_need_not_be_named_again(
    place: Installation, person: Person, phone: Authenticator
):
    """An authenticator that was told which credential to use may leave its handle out (§7.2)."""
    await with_passkey(person, phone)
    question = await ask(person)
    answer = phone.get(question.options, without_handle=True)
    assert await prove(place, question, answer) is not None
    anybody = ask_anybody(place.authority, HOLDER, fresh(place))
    assert anybody is not None
    with pytest.raises(NotProved):
        await prove(place, anybody, phone.get(anybody.options, without_handle=True))


async def test_a_count_that_goes_back_is_refused_told_and_marked(
    place: Installation, person: Person, phone: Authenticator
):
    """§6.1.1: there may be a copy of the passkey."""
    passkey = await with_passkey(person, phone)
    question = await ask(person)
    assert await prove(place, question, phone.get(question.options, count=9)) is not None
    question = await ask(person)
    assert await prove(place, question, phone.get(question.options, count=9)) is None
    query = EventQuery(kind=EventKind.PASSKEY_SUSPECT, subject=person.user_id)
    (event,) = await place.authority.store.read(lambda tx: tx.events.find(query))
    assert event.detail == {"passkey": passkey.id}
    (after,) = await passkeys_of(person)
    assert (after.sign_count, after.suspect_at) == (9, int(place.clock()))
    question = await ask(person)
    assert await prove(place, question, phone.get(question.options, count=10)) is not None


async def test_a_count_that_nobody_signed_is_no_sign_of_a_copy(
    place: Installation, person: Person, phone: Authenticator
):
    """Whoever knows a credential id cannot have its owner warned."""
    await with_passkey(person, phone)
    question = await ask(person)
    assert await prove(place, question, phone.get(question.options, count=9)) is not None
    question = await ask(person)
    with pytest.raises(NotProved):
        await prove(place, question, phone.get(question.options, count=1, signature=b"no"))
    (after,) = await passkeys_of(person)
    assert after.suspect_at is None
