"""The authorization endpoint over HTTP."""

import asyncio
import logging
from contextlib import closing

import apsw
import pytest

from counterfoil.oauth.opaque import Kind, spell
from counterfoil.server.opening import DATABASE
from tests.installation import Installation, Person, answer_of, permissions_in

pytestmark = pytest.mark.anyio


async def test_a_post_keeps_every_parameter(place: Installation, person: Person):
    """OpenID Connect Core §3.1.2.1; RFC 8707 §2: resource may be repeated."""
    form = {"client_id": "app", "state": "a b&c", "resource": ["https://a", "https://b"]}
    sent_on = await person.browser.post("/authorize", data=form)
    location = sent_on.headers["location"]
    assert location == (
        "/authorize?client_id=app&state=a+b%26c&resource=https%3A%2F%2Fa&resource=https%3A%2F%2Fb"
    )


async def test_each_step_is_a_redirect_that_nobody_keeps(person: Person):
    start = await person.browser.get(person.authorization_url())
    assert start.status_code == 303
    assert start.headers["location"].startswith("/sign-in?flow=")
    assert start.headers["cache-control"] == "no-store"
    assert "counterfoil_browser" in start.headers["set-cookie"]


async def test_a_pending_authorization_leaves_no_row(place: Installation, person: Person):
    """S93: anonymous requests cannot fill the disk."""
    version = place.authority.store.version()
    for _ in range(20):
        await person.browser.get(person.authorization_url())
    assert place.authority.store.version() == version


async def test_an_anonymous_visitor_waits_for_no_writer(place: Installation, person: Person):
    path = place.authority.settings.data / DATABASE
    with closing(apsw.Connection(str(path))) as other:
        other.execute("BEGIN IMMEDIATE")
        start = await asyncio.wait_for(person.browser.get(person.authorization_url()), 2)
    assert start.headers["location"].startswith("/sign-in?flow=")


async def test_a_session_that_is_none_leaves_no_row(place: Installation, person: Person):
    """S93: whoever only spells a cookie of ours has nothing written down either."""
    person.browser.cookies["counterfoil_session"] = spell(Kind.SESSION, bytes(32)).reveal()
    version = place.authority.store.version()
    for _ in range(20):
        start = await person.browser.get(person.authorization_url())
        assert start.headers["location"].startswith("/sign-in?flow=")
    assert place.authority.store.version() == version


async def test_the_log_says_whose_redirect_uri_is_wrong_and_nothing_that_was_sent(
    person: Person, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "counterfoil")
    await person.browser.get("/authorize", params={"client_id": "ap"})
    wrong = {"client_id": "app", "redirect_uri": "https://evil.example/cb"}
    await person.browser.get("/authorize", params=wrong)
    assert "/authorize: invalid_request (no such client)" in caplog.text
    assert "/authorize: invalid_request (redirect_uri of 'app')" in caplog.text
    ours = [each.message for each in caplog.records if each.name.startswith("counterfoil")]
    assert not any("evil.example" in each for each in ours)


async def test_what_no_page_could_carry_is_refused(person: Person):
    """Signed in or not: whether a page is needed decides nothing."""
    each = "ä" * 1500
    long = person.authorization_url(state=each, nonce=each, login_hint=each)
    for _ in "ab":
        answer = answer_of(await person.browser.get(long))
        assert answer["error"] == "invalid_request"
        assert "too long together" in answer["error_description"]
        await person.code()


async def test_a_flow_that_is_none_is_an_error_page(person: Person):
    for flow in ("", "?flow=", "?flow=x", "?flow=%00"):
        page = await person.browser.get(f"/authorize/continue{flow}")
        assert page.status_code == 400
        assert page.headers["content-type"].startswith("text/html")


async def test_a_duplicate_parameter_is_an_error_page(person: Person):
    """RFC 6749 §3.1: of two values neither can be trusted, so nobody is redirected."""
    url = person.authorization_url() + "&redirect_uri=https%3A%2F%2Fevil.example"
    page = await person.browser.get(url)
    assert page.status_code == 400
    assert "redirect_uri" in page.text


async def test_going_on_twice_gives_two_codes_that_both_work(person: Person):
    """A double click is no attack."""
    await person.code()
    url = person.authorization_url()
    codes = [answer_of(await person.follow(await person.browser.get(url)))["code"] for _ in "ab"]
    assert len(set(codes)) == 2
    for code in codes:
        assert (await person.exchange(code)).status_code == 200


async def test_who_is_not_asked_changes_nothing_of_what_was_allowed(
    place: Installation, person: Person
):
    """S13: going on without a page never lengthens it either."""
    page = await person.sign_in(await person.open(scope="openid notes:read notes:write"))
    await person.allow(page, span="day")
    store = place.authority.store
    before = await store.read(lambda tx: tx.grants.of_user(person.user_id))
    place.clock.turn(60)
    answer = await person.browser.get(person.authorization_url(scope="notes:read"))
    assert "code" in answer_of(answer)
    assert await store.read(lambda tx: tx.grants.of_user(person.user_id)) == before


async def test_what_was_not_allowed_before_is_asked_for(place: Installation, person: Person):
    """S09, S14: neither the session alone gives a code, nor a permission for less."""
    page = await person.sign_in(await person.open())
    assert permissions_in(page.text)
    await person.allow(page)
    page = await person.open(scope="openid notes:read notes:write")
    assert permissions_in(page.text)
    (grant,) = await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    codes = "SELECT count(*) FROM authorizations WHERE grant_id = ?"
    with closing(apsw.Connection(str(place.authority.settings.data / DATABASE))) as other:
        assert other.execute(codes, (grant.id,)).get == 1


async def test_a_browser_that_goes_straight_back_to_its_app_is_not_named(person: Person):
    """The cookie ties pages to a browser; where there is no page it would tie nothing."""
    await person.code()
    del person.browser.cookies["counterfoil_browser"]
    answer = await person.browser.get(person.authorization_url())
    assert "code" in answer_of(answer)
    assert "set-cookie" not in answer.headers
