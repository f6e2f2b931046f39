"""Who is signed in, and signing out."""

import pytest

from tests.bff.shop import SESSION, App, Browser

pytestmark = pytest.mark.anyio


async def test_a_page_learns_who_is_signed_in_and_no_more(browser: Browser):
    """S102: no token, no id, nothing that a script could lose."""
    await browser.sign_in()
    told = await browser.call("/bff/session")
    assert sorted(told.json()) == ["email", "name", "signed_in", "sub"]
    assert told.headers["cache-control"] == "no-store"


async def test_signing_out_ends_the_tokens_at_the_server_and_the_cookie_here(browser: Browser):
    await browser.sign_in()
    held = browser.session
    answer = await browser.call("/bff/sign-out", "POST")
    said = answer.json()
    assert said["signed_in"] is False
    assert said["ended_at_server"] is True
    assert browser.session == ""
    browser.app.cookies.set(SESSION, held, domain="shop.example")
    assert (await browser.call("/api/notes")).status_code == 401


async def test_the_way_to_the_servers_sign_out_carries_no_token(browser: Browser):
    """The person is asked there instead."""
    await browser.sign_in()
    location = (await browser.call("/bff/sign-out", "POST")).json()["location"]
    assert location.startswith(f"{str(browser.server.base_url).rstrip('/')}/logout?")
    assert "id_token" not in location
    assert browser.server.get(location).status_code == 200


async def test_who_is_not_signed_in_can_sign_out(browser: Browser):
    assert (await browser.call("/bff/sign-out", "POST")).status_code == 200


async def test_what_the_server_ended_is_noticed_when_the_token_is_renewed(
    app: App, browser: Browser
):
    await browser.sign_in()
    assert (await browser.call("/bff/session")).status_code == 200
    await app.end_at_server(browser)
    app.clock.ahead = 3600
    told = await browser.call("/bff/session")
    assert told.status_code == 401
    assert told.json()["error"] == "signed_out"


async def test_methods_and_addresses_that_are_not_there(browser: Browser):
    assert (await browser.call("/bff/nothing")).status_code == 404
    assert (await browser.call("/bff")).status_code == 404
    wrong = await browser.call("/bff/session", "POST")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
    assert (await browser.app.get("/bff/sign-out")).status_code == 405
    assert (await browser.app.get("/elsewhere")).status_code == 404
