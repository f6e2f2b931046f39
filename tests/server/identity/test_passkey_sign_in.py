"""Signing in by a passkey, and what a person has shown by it."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from counterfoil.server.identity.ceremony import Answer, Holder, Purpose
from counterfoil.server.identity.half_sign_in import HalfSignIn
from counterfoil.server.identity.passkey_proof import Question, ask_anybody
from counterfoil.server.identity.passkey_sign_in import PasskeyAttempt, sign_in_by_passkey
from counterfoil.server.identity.session_start import NewSession
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import Event, EventKind, EventQuery
from tests.authenticator import Authenticator
from tests.installation import Installation, Person, installed
from tests.passkeys import ISSUER, ORIGIN, fresh, passkeys_of, with_passkey

pytestmark = pytest.mark.anyio

BROWSER = "this browser"


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    data: Path = tmp_path_factory.mktemp("data")
    async with installed(data, issuer=ISSUER) as place:
        yield place


@pytest.fixture
def phone() -> Authenticator:
    return Authenticator(ISSUER)


def ask(place: Installation, *, must_verify: bool = False) -> Question:
    holder = Holder(Purpose.SIGN_IN, BROWSER)
    question = ask_anybody(place.authority, holder, fresh(place), must_verify=must_verify)
    assert question is not None
    return question


async def sign_in(
    place: Installation, question: Question, answer: str
) -> NewSession | HalfSignIn | None:
    attempt = PasskeyAttempt(Answer(question.sealed, answer), BROWSER, ORIGIN)
    return await sign_in_by_passkey(place.authority, attempt, place.clock())


async def latest(place: Installation) -> Event:
    (event,) = await place.authority.store.read(lambda tx: tx.events.latest(1))
    return event


async def test_a_passkey_whose_device_asked_is_two_factors_and_resists_phishing(
    place: Installation, person: Person, phone: Authenticator
):
    """S76, RFC 8176: a key, somebody there, and more than one factor."""
    passkey = await with_passkey(person, phone)
    question = ask(place)
    found = await sign_in(place, question, phone.get(question.options))
    assert isinstance(found, NewSession)
    assert found.session.user_id == person.user_id
    assert found.session.amr == ("pop", "user", "mfa")
    query = EventQuery(kind=EventKind.SIGNED_IN, limit=1)
    (event,) = await place.authority.store.read(lambda tx: tx.events.find(query))
    assert event.proof == f"passkey:{passkey.id}"
    (used,) = await passkeys_of(person)
    assert (used.last_used_at, used.sign_count) == (int(place.clock()), 1)


async def test_one_that_only_was_touched_is_one_factor(place: Installation, person: Person):
    key = Authenticator(ISSUER, verifies=False)
    await with_passkey(person, key)
    question = ask(place)
    found = await sign_in(place, question, key.get(question.options))
    assert isinstance(found, NewSession)
    assert found.session.amr == ("pop", "user")
    strict = ask(place, must_verify=True)
    assert await sign_in(place, strict, key.get(strict.options)) is None


async def test_where_more_is_due_a_touch_is_half_a_sign_in(tmp_path: Path, phone: Authenticator):
    """S105: a passkey that was only touched goes round no second factor."""
    async with (
        installed(tmp_path, issuer=ISSUER, second_factor_for="everyone") as strict,
        strict.browser() as browser,
    ):
        owner = Person(strict, browser)
        key = Authenticator(ISSUER, verifies=False)
        await with_passkey(owner, key)
        question = ask(strict)
        half = await sign_in(strict, question, key.get(question.options))
        assert isinstance(half, HalfSignIn)
        assert half.amr == ("pop", "user")
        await with_passkey(owner, phone)
        question = ask(strict)
        whole = await sign_in(strict, question, phone.get(question.options))
        assert isinstance(whole, NewSession)


async def test_keys_that_do_not_count_are_good_again_and_again(place: Installation, person: Person):
    synced = Authenticator(ISSUER, counts=False)
    await with_passkey(person, synced)
    for _ in range(2):
        question = ask(place)
        assert await sign_in(place, question, synced.get(question.options)) is not None


async def test_a_lock_against_guessing_does_not_bar_it_and_it_lifts_none(
    place: Installation, person: Person, phone: Authenticator
):
    """Nobody guesses a key: whoever hammers the password keeps its owner out no more."""
    await with_passkey(person, phone)
    until = int(place.clock()) + 600
    await place.authority.store.transact(lambda tx: tx.users.note_failure(person.user_id, until))
    question = ask(place)
    assert await sign_in(place, question, phone.get(question.options)) is not None
    user = await place.authority.store.read(lambda tx: tx.users.find(person.user_id))
    assert user is not None
    assert (user.locked_until, user.failed_sign_ins) == (until, 1)


async def test_nobody_signs_in_to_a_disabled_account(
    place: Installation, person: Person, phone: Authenticator
):
    await with_passkey(person, phone)
    store = place.authority.store
    await store.transact(lambda tx: revocation.disable_user(tx, person.user_id, CLI))
    question = ask(place)
    assert await sign_in(place, question, phone.get(question.options)) is None
    assert (await latest(place)).kind is EventKind.SIGN_IN_FAILED


async def test_nobody_is_named_before(place: Installation, person: Person, phone: Authenticator):
    """What a page asks is the same whoever may come."""
    await with_passkey(person, phone)
    options = ask(place).options
    assert '"allowCredentials":[]' in options
    assert person.user_id not in options


async def test_a_removed_passkey_is_refused(
    place: Installation, person: Person, phone: Authenticator
):
    passkey = await with_passkey(person, phone)
    question = ask(place)
    await place.authority.store.transact(lambda tx: tx.passkeys.remove(passkey.id))
    assert await sign_in(place, question, phone.get(question.options)) is None


async def test_what_is_no_answer_at_all_is_refused(place: Installation):
    question = ask(place)
    for answer in ("", "{}", "[]", "null", '{"response": 1, "rawId": 2}', "x" * 20_000):
        assert await sign_in(place, question, answer) is None
    assert await sign_in(place, Question(secrets.token_hex(40), ""), "{}") is None


async def test_a_passkey_does_not_grow_old(tmp_path: Path, phone: Authenticator):
    """ASVS V6.4.5: there is nothing to renew, and nobody is to be reminded of it."""
    async with installed(tmp_path, issuer=ISSUER) as own:
        user = await own.add_user("old@example.com")
        async with own.browser() as browser:
            await with_passkey(Person(own, browser, user.email, user.id), phone)
        own.clock.turn(10 * 365 * 24 * 60 * 60)
        question = ask(own)
        signed_in = await sign_in(own, question, phone.get(question.options))
    assert isinstance(signed_in, NewSession)
