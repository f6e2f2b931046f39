"""Forms that other sites send, or that belong to another browser (S74, RFC 9700 §4.7, §4.13)."""

from typing import Any

import httpx2
import pytest

from tests.installation import (
    EMAIL,
    PASSWORD,
    Installation,
    Person,
    endings_in,
    hidden_fields,
    permissions_in,
)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.one_engine("what is refused is refused before the store is asked"),
]

CREDENTIALS = {"email": EMAIL, "password": PASSWORD}
FOREIGN = [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}]


def refused(answer: httpx2.Response) -> bool:
    assert "set-cookie" not in answer.headers
    return answer.status_code == 403 and "does not belong to this browser" in answer.text


async def is_signed_in(browser: httpx2.AsyncClient) -> bool:
    return (await browser.get("/account/apps")).status_code == 200


@pytest.mark.parametrize("csrf", [None, "", "x", "A" * 32, "ü", "\u2028"])
async def test_sign_in_from_another_site_does_nothing(site: Installation, csrf: str | None) -> None:
    """S74: login CSRF: nobody is signed in to the attacker's account behind their back."""
    async with site.browser() as browser:
        await browser.get("/sign-in")
        form = CREDENTIALS | ({"csrf": csrf} if csrf is not None else {})
        assert refused(await browser.post("/sign-in", data=form))
        assert not await is_signed_in(browser)


async def test_the_attacker_s_own_form_does_not_fit_the_victim(site: Installation) -> None:
    """S74: a token of the attacker's browser is worth nothing in another."""
    async with site.browser() as attacker, site.browser() as victim:
        mine = hidden_fields((await attacker.get("/sign-in")).text)
        await victim.get("/sign-in")
        assert refused(await victim.post("/sign-in", data=mine | CREDENTIALS))
        assert not await is_signed_in(victim)


async def test_a_browser_without_cookies_cannot_send_our_form(site: Installation) -> None:
    """S74: where cookies were stripped, as SameSite does, the form is refused."""
    async with site.browser() as browser:
        fields = hidden_fields((await browser.get("/sign-in")).text)
    async with site.browser() as naked:
        assert refused(await naked.post("/sign-in", data=fields | CREDENTIALS))


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_form_sent_from_elsewhere_is_refused_even_with_its_token(
    site: Installation, headers: dict[str, str]
) -> None:
    """S74: the browser itself says where a form comes from (ASVS V3.5.1)."""
    async with site.browser() as browser:
        fields = hidden_fields((await browser.get("/sign-in")).text)
        assert refused(await browser.post("/sign-in", data=fields | CREDENTIALS, headers=headers))
        answer = await browser.post(
            "/sign-in", data=fields | CREDENTIALS, headers={"sec-fetch-site": "same-origin"}
        )
        assert answer.status_code == 303


def consent_of(page: httpx2.Response) -> dict[str, Any]:
    fields: dict[str, Any] = hidden_fields(page.text)
    return fields | {"decision": "allow", "permission": permissions_in(page.text)}


@pytest.mark.parametrize("decision", ["allow", "deny", "switch"])
async def test_nobody_consents_from_another_site(site: Installation, decision: str) -> None:
    """S74: a consent without the session's own token is no consent (RFC 6819 §4.4.1.8)."""
    async with site.browser() as browser:
        person = Person(site, browser)
        page = await person.sign_in(await person.open(prompt="consent"))
        form = consent_of(page) | {"decision": decision}
        for forged in (
            None,
            "",
            "A" * 32,
            hidden_fields((await browser.get("/sign-in")).text)["csrf"],
        ):
            answer = await browser.post("/consent", data=form | {"csrf": forged or ""})
            assert refused(answer), "not even the same browser's token of another page"
        for headers in FOREIGN:
            assert refused(await browser.post("/consent", data=form, headers=headers))
        assert (await browser.post("/consent", data=form)).status_code == 303


async def test_a_consent_of_one_session_does_not_fit_another(site: Installation) -> None:
    """S74: the attacker's page, sent with the victim's cookies, is refused."""
    async with site.browser() as mallory, site.browser() as victim:
        await site_user(site, "mallory@example.com")
        attacker = Person(site, mallory)
        page = await attacker.open(prompt="consent")
        page = await attacker.sign_in(page, email="mallory@example.com")
        await Person(site, victim).code()
        answer = await victim.post("/consent", data=consent_of(page))
        assert answer.status_code == 400, "the flow itself is another browser's"
        assert "begun in this browser" in answer.text


async def site_user(site: Installation, email: str) -> None:
    from counterfoil.server.records.failures import Conflict

    try:
        await site.add_user(email)
    except Conflict:
        return


@pytest.mark.parametrize("path", ["/sign-in", "/consent", "/authorize/continue"])
async def test_a_flow_of_another_browser_is_refused(site: Installation, path: str) -> None:
    """A flow that the attacker began cannot be finished by the victim (RFC 9700 §4.7)."""
    async with site.browser() as attacker, site.browser() as victim:
        begun = await attacker.get(Person(site, attacker).authorization_url())
        flow = httpx2.URL(begun.headers["location"]).params["flow"]
        await Person(site, victim).code()
        for given in (
            flow,
            flow[:-2],
            flow + "AA",
            "AQ" + flow[2:],
            "x",
            "=",
            "ü",
            "%00",
            "A" * 8000,
        ):
            answer = await victim.get(path, params={"flow": given})
            assert answer.status_code == 400
            assert "location" not in answer.headers
            assert "begun in this browser" in answer.text
        fields = hidden_fields((await victim.get("/sign-in")).text) | CREDENTIALS
        answer = await victim.post("/sign-in", data=fields | {"flow": flow})
        assert answer.status_code == 400


async def test_a_flow_left_lying_about_expires(own: Installation) -> None:
    async with own.browser() as browser:
        page = await Person(own, browser).open()
        own.clock.turn(3601)
        answer = await browser.get("/consent", params={"flow": hidden_fields(page.text)["flow"]})
        assert answer.status_code == 400
        assert "too long ago" in answer.text


async def verbs_of(browser: httpx2.AsyncClient) -> list[str]:
    pages = [(await browser.get(f"/account/{room}")).text for room in ("apps", "devices")]
    return list(dict.fromkeys([*endings_in(pages[0]), *endings_in(pages[1])]))


async def test_no_verb_of_the_account_works_from_another_site(own: Installation) -> None:
    """S74: ending a session, signing out and removing an app demand the session's own token."""
    async with own.browser() as browser:
        person = Person(own, browser)
        token = (await person.tokens())["access_token"]
        fields = hidden_fields((await browser.get("/account/apps")).text)
        verbs = await verbs_of(browser)
        assert len(verbs) == 5
        others = ("sign-out", "password", "profile", "devices/others", "data", "delete")
        for verb in [*verbs, *(f"/account/{each}" for each in others)]:
            assert refused(await browser.post(verb, data={"x": "y"}))
            assert refused(await browser.post(verb, data={"csrf": "A" * 32}))
            for headers in FOREIGN:
                assert refused(await browser.post(verb, data=fields, headers=headers))
            answer = await browser.post(verb, json=fields)
            assert answer.status_code == 400, "a form that is not one needs no preflight"
            for method in ("PUT", "DELETE", "PATCH"):
                assert (await browser.request(method, verb)).status_code == 405
            if verb != "/account/sign-out":
                assert (await browser.get(verb, params=fields)).status_code == 200, "it only asks"
        assert await is_signed_in(browser)
        assert (await own.post("/introspect", "app", token=token)).json()["active"]


async def test_logout_from_another_site_asks_first(own: Installation) -> None:
    """S74: an app, or anyone's link, cannot sign a person out without their own ID token."""
    async with own.browser() as browser, own.browser() as other:
        person = Person(own, browser)
        await person.tokens()
        elsewhere = (await Person(own, other).tokens())["id_token"]
        for asked in ({"state": "x"}, {"client_id": "app"}, {"id_token_hint": elsewhere}):
            page = await browser.get("/logout", params=asked)
            assert page.status_code == 200
            assert "Sign out?" in page.text
            page = await person.follow(await browser.post("/logout", data=asked))
            assert page.status_code == 200
            assert await is_signed_in(browser)
        for csrf in ("", "A" * 32):
            form = {"decision": "logout", "csrf": csrf}
            assert refused(await browser.post("/logout", data=form))
            await browser.get("/logout", params=form)
            assert await is_signed_in(browser)
        fields = hidden_fields(page.text) | {"decision": "logout"}
        for headers in FOREIGN:
            assert refused(await browser.post("/logout", data=fields, headers=headers))
        assert await is_signed_in(browser)
        assert (await browser.post("/logout", data=fields)).status_code == 303
        assert not await is_signed_in(browser)


async def test_a_token_of_a_form_dies_with_its_session(own: Installation) -> None:
    """S74, S104: a page kept from an earlier session opens nothing in the next."""
    async with own.browser() as browser:
        person = Person(own, browser)
        await person.code()
        old = hidden_fields((await browser.get("/account/apps")).text)
        assert (await browser.post("/account/sign-out", data=old)).status_code == 303
        await person.code()
        assert refused(await browser.post("/account/sign-out", data=old))
        assert await is_signed_in(browser)
