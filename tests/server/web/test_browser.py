"""The browser in front of us, its session and its person."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.responses import Response

from counterfoil.oauth.opaque import Secret
from counterfoil.server.web.browser import Person as SignedIn
from counterfoil.server.web.browser import go, in_use, keep_session
from tests.installation import Installation, Person
from tests.server.web.requests import request

pytestmark = pytest.mark.anyio

SESSION = "counterfoil_session"
BROWSER = "counterfoil_browser"


async def is_signed_in(person: Person) -> bool:
    return (await person.browser.get("/account/apps")).status_code == 200


async def test_a_new_browser_is_named_once(person: Person):
    first = await person.browser.get("/sign-in")
    assert BROWSER in first.headers["set-cookie"]
    second = await person.browser.get("/sign-in")
    assert "set-cookie" not in second.headers


async def test_a_session_is_of_its_cookie(person: Person, visitor: Person):
    await person.code()
    assert await is_signed_in(person)
    assert not await is_signed_in(visitor)


async def test_a_disabled_person_is_not_signed_in_any_more(place: Installation, person: Person):
    """S33: looked at on every request."""
    await person.code()
    store = place.authority.store
    await store.transact(lambda tx: tx.users.disable(person.user_id, tx.now))
    assert not await is_signed_in(person)


async def test_an_ended_session_is_none(place: Installation, person: Person):
    """S39: the cookie alone is worth nothing."""
    await person.code()
    store = place.authority.store

    async def work(tx):
        for session in await tx.sessions.of_user(person.user_id):
            await tx.sessions.end(session.id, tx.now)

    await store.transact(work)
    assert person.browser.cookies[SESSION]
    assert not await is_signed_in(person)


async def test_a_session_ends_by_age(place: Installation, person: Person):
    settings = place.authority.settings
    await person.code()
    place.clock.turn(settings.session_idle_lifetime)
    assert not await is_signed_in(person)


async def test_a_planted_or_altered_cookie_is_nobody(person: Person, visitor: Person):
    """S104."""
    await person.code()
    secret = person.browser.cookies[SESSION]
    altered = secret[:-1] + ("1" if secret[-1] == "0" else "0")
    for value in ("x", altered, secret.replace("cfse", "cfbr")):
        visitor.browser.cookies.set(SESSION, value, domain="127.0.0.1")
        assert not await is_signed_in(visitor)


def test_whoever_is_sent_on_comes_with_get():
    """RFC 9700 §4.12: 303, and nothing is kept or told."""
    response = go("/x")
    assert response.status_code == 303
    assert response.headers["location"] == "/x"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"


@given(st.text() | st.text('aZ09/?&=#%+ "<>\\\r\n\x00é'))
@example("/x\r\nset-cookie: a=b")
@example("/x\n")
def test_no_address_ends_its_line(url: str):
    """RFC 3986 §2: what may not stand in an address is quoted, whoever chose it."""
    location = go(url).headers["location"]
    assert re.fullmatch(r"[!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]*", location)
    assert unquote(location) == unquote(url)


async def test_an_answer_that_clears_the_cookie_is_left_as_it_is(
    place: Installation, person: Person
):
    """S39: a renewal that is due does not undo a sign-out."""
    await person.sign_in(await person.browser.get("/sign-in"))
    server, secret = place.server, Secret(person.browser.cookies[SESSION])
    store = place.authority.store
    session = await store.read(lambda tx: tx.sessions.find_by_digest(secret.fingerprint()))
    place.clock.turn(86_400)
    asked = request(headers=[(b"cookie", f"{SESSION}={secret.reveal()}".encode())])
    assert session is not None
    assert place.user is not None
    in_use(server, asked, SignedIn(place.user, session))
    out = Response()
    server.cookies.clear_session(out)
    keep_session(server, asked, out)
    assert "Max-Age=0" in out.headers["set-cookie"]
    about = [each for each in out.headers.getlist("set-cookie") if each.startswith(SESSION)]
    assert len(about) == 1
    renewed = Response()
    keep_session(server, asked, renewed)
    assert secret.reveal() in renewed.headers["set-cookie"]
