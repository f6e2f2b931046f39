"""People who have passkeys, by the functions that the pages call."""

import html
import re
import secrets
from typing import Any

import httpx2

from counterfoil.server.identity import passkeys
from counterfoil.server.identity.ceremony import Answer
from counterfoil.server.identity.passkey_proof import Fresh, Question
from counterfoil.server.identity.passkeys import Adding
from counterfoil.server.identity.session_start import Beginning, NewSession, begin_session
from counterfoil.server.records.passkey import Passkey
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.user import User
from tests.authenticator import Authenticator
from tests.installation import Installation, Person, hidden_fields

ORIGIN = Origin("192.0.2.7", "Firefox")
ISSUER = "https://id.example"
SECOND_PASSKEY = "/sign-in/second-factor/passkey"


def fresh(place: Installation) -> Fresh:
    handle = secrets.token_bytes(32)
    return Fresh(secrets.token_bytes(32), int(place.clock()), handle)


async def user_of(person: Person) -> User:
    user = await person.installation.authority.store.read(lambda tx: tx.users.find(person.user_id))
    assert user is not None
    return user


async def session_of(person: Person) -> Session:
    """A fresh session of a person."""
    authority, user = person.installation.authority, await user_of(person)

    async def work(tx: object) -> NewSession:
        return await begin_session(authority, tx, user, Beginning(ORIGIN))  # type: ignore[arg-type]

    return (await authority.store.transact(work)).session


async def asked_to_make(person: Person, session: Session) -> Question:
    place = person.installation
    return await passkeys.begin(place.authority, await user_of(person), session, fresh(place))


async def add(
    person: Person, session: Session, question: Question, answer: str, name: str = "Phone"
) -> Passkey:
    place = person.installation
    adding = Adding(session, ORIGIN, name, Answer(question.sealed, answer))
    return await passkeys.add(place.authority, adding, place.clock())


async def with_passkey(person: Person, authenticator: Authenticator) -> Passkey:
    """Give a person a passkey on this authenticator."""
    session = await session_of(person)
    question = await asked_to_make(person, session)
    return await add(person, session, question, authenticator.create(question.options))


async def passkeys_of(person: Person) -> list[Passkey]:
    store = person.installation.authority.store
    return await store.read(lambda tx: tx.passkeys.of_user(person.user_id))


def form_in(page: str) -> dict[str, str]:
    """The hidden fields of the form for a passkey, and under ``options`` what the browser gets."""
    found = re.search(r"<form[^>]*data-passkey=.*?</form>", page, re.S)
    assert found is not None, page
    options = re.search(r'data-options="([^"]*)"', found[0])
    assert options is not None
    return hidden_fields(found[0]) | {"options": html.unescape(options[1])}


async def sign_in_at(
    browser: httpx2.AsyncClient, authenticator: Authenticator, path: str = "/sign-in", **wrong: Any
) -> httpx2.Response:
    """Sign in by a passkey on the page, as the script does."""
    form = form_in((await browser.get(path)).text)
    answer = authenticator.get(form.pop("options"), **wrong)
    return await browser.post("/sign-in/passkey", data=form | {"credential": answer})


async def add_at(
    person: Person, authenticator: Authenticator, name: str = "Phone", **wrong: Any
) -> httpx2.Response:
    """Add a passkey on the account page of somebody who is signed in."""
    form = form_in((await person.browser.get("/account/passkeys/new")).text)
    answer = authenticator.create(form.pop("options"), **wrong)
    given = form | {"credential": answer, "name": name}
    return await person.browser.post("/account/passkeys/new", data=given)


async def show_at(
    person: Person, page: httpx2.Response, authenticator: Authenticator, **wrong: Any
) -> httpx2.Response:
    """Show a passkey on the page that asks for more than a password, as the script does."""
    form = form_in(page.text)
    answer = authenticator.get(form.pop("options"), **wrong)
    return await person.browser.post(SECOND_PASSKEY, data=form | {"credential": answer})
