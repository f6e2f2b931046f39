"""The cookie by which a browser is known where it has signed in before."""

from http.cookies import SimpleCookie

import pytest

from counterfoil.server.identity.known_browser import LIFETIME, unseal
from tests.installation import PASSWORD, Installation, Person, hidden_fields

pytestmark = pytest.mark.anyio

COOKIE = "counterfoil_known"


async def test_whoever_signs_in_is_known_there_afterwards(place: Installation, person: Person):
    sent = await person.browser.get("/sign-in")
    assert COOKIE not in str(sent.headers)
    await person.sign_in(sent)
    known = unseal(place.authority.pending, person.browser.cookies[COOKIE])
    assert [each.user_id for each in known.accounts] == [person.user_id]


async def test_no_script_reads_it_and_it_goes_after_a_while(place: Installation, person: Person):
    page = await person.browser.get("/sign-in")
    form = hidden_fields(page.text) | {"email": person.email, "password": PASSWORD}
    answer = await person.browser.post("/sign-in", data=form)
    found: SimpleCookie = SimpleCookie()
    for value in answer.headers.get_list("set-cookie"):
        found.load(value)
    cookie = found[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "lax"
    assert cookie["max-age"] == str(LIFETIME)
    assert person.user_id not in cookie.value


async def test_the_next_person_is_known_beside_the_one_before(place: Installation, person: Person):
    await person.sign_in(await person.browser.get("/sign-in"))
    other = await place.add_user(f"beside-{person.email}")
    await person.sign_in(await person.browser.get("/sign-in"), email=other.email)
    known = unseal(place.authority.pending, person.browser.cookies[COOKIE])
    assert [each.user_id for each in known.accounts] == [other.id, person.user_id]
