"""Sessions of browsers: fixed, planted, stolen, left behind (S104, ASVS V7)."""

import re
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from counterfoil.oauth.opaque import Kind, spell
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from tests.installation import Installation, Person, hidden_fields

pytestmark = pytest.mark.anyio

SESSION = "counterfoil_session"
BROWSER = "counterfoil_browser"


def cookie(browser: httpx2.AsyncClient, name: str) -> str:
    return next(each.value or "" for each in browser.cookies.jar if each.name.endswith(name))


async def is_signed_in(site: Installation, value: str) -> bool:
    """Whether somebody else who holds this cookie is let in."""
    async with site.browser(cookies={SESSION: value}) as thief:
        return (await thief.get("/account/apps")).status_code == 200


async def test_signing_in_gives_a_new_secret(site: Installation) -> None:
    """S104: a session that an attacker fixed before sign-in is not the one that is signed in."""
    planted = spell(Kind.SESSION, b"p" * 32).reveal()
    async with site.browser() as browser:
        # As a browser holds it: by its host, so that the server's own takes its place.
        host = urlsplit(site.issuer).hostname or ""
        domain = host if "." in host else f"{host}.local"
        browser.cookies.set(SESSION, planted, domain=domain, path="/")
        await Person(site, browser).code()
        values = {each.value for each in browser.cookies.jar if each.name == SESSION}
        assert values - {planted}
        assert not await is_signed_in(site, planted)


async def test_signing_in_again_kills_the_old_secret(own: Installation) -> None:
    """S104: a session stolen before the person proved who they are anew is dead."""
    async with own.browser() as browser:
        person = Person(own, browser)
        await person.code()
        stolen = cookie(browser, SESSION)
        own.clock.turn(10)
        page = await person.open(prompt="login")
        assert 'name="password"' in page.text
        assert await is_signed_in(own, stolen)
        await person.sign_in(page)
        assert cookie(browser, SESSION) != stolen
        assert not await is_signed_in(own, stolen)
        assert await is_signed_in(own, cookie(browser, SESSION))


async def test_another_person_at_the_browser_ends_the_first_session(own: Installation) -> None:
    """Switching accounts leaves no session of the first person behind."""
    await own.add_user("grace@example.com")
    async with own.browser() as browser:
        person = Person(own, browser)
        await person.code()
        stolen = cookie(browser, SESSION)
        await person.sign_in(await browser.get("/sign-in"), email="grace@example.com")
        assert not await is_signed_in(own, stolen)
        assert "grace@example.com" in (await browser.get("/account/apps")).text


@pytest.mark.parametrize("way", ["sign-out", "logout", "id_token_hint"])
async def test_after_signing_out_a_stolen_copy_is_refused(own: Installation, way: str) -> None:
    """S39: sign-out ends the session on the server, and every token that hangs under it."""
    async with own.browser() as browser:
        person = Person(own, browser)
        tokens = await person.tokens()
        stolen = cookie(browser, SESSION)
        if way == "sign-out":
            fields = hidden_fields((await browser.get("/account/apps")).text)
            await browser.post("/account/sign-out", data=fields)
        elif way == "logout":
            fields = hidden_fields((await browser.get("/logout")).text)
            await browser.post("/logout", data=fields | {"decision": "logout"})
        else:
            await browser.get("/logout", params={"id_token_hint": tokens["id_token"]})
        assert not await is_signed_in(own, stolen)
        assert not [each for each in browser.cookies.jar if each.name == SESSION]
    for name in ("access_token", "refresh_token"):
        answer = await own.post("/introspect", "app", token=tokens[name])
        assert answer.json() == {"active": False}
    async with own.browser() as thief:
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        answer = await thief.get("/userinfo", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error_reason"] == "revoked"


@pytest.mark.parametrize("seconds", [7 * 86_400, 30 * 86_400])
async def test_a_session_ends_when_it_is_idle_or_old(own: Installation, seconds: int) -> None:
    """S39, ASVS V7.3: a stolen cookie is not for ever, even where its owner never signs out."""
    async with own.browser() as browser:
        await Person(own, browser).code()
        stolen = cookie(browser, SESSION)
        assert await is_signed_in(own, stolen)
        own.clock.turn(seconds)
        assert not await is_signed_in(own, stolen)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "cfse_" + "A" * 43,
        "A" * 4000,
        "ü",
        '"quoted"',
        "cfse_../../x",
        "' OR 1=1 --",
        spell(Kind.SESSION, b"s" * 32).reveal(),
        spell(Kind.BROWSER, b"s" * 32).reveal(),
    ],
)
async def test_a_guessed_cookie_lets_nobody_in(site: Installation, value: str) -> None:
    async with site.browser() as thief:
        for name in (SESSION, BROWSER):
            headers = {"cookie": f"{name}={value}".encode()}
            answer = await thief.get("/account/apps", headers=headers)
            assert answer.status_code == 303
            assert answer.headers["location"] == "/sign-in"
            assert (await thief.get("/sign-in", headers=headers)).status_code == 200


async def set_cookies(site: Installation) -> list[str]:
    async with site.browser() as browser:
        person = Person(site, browser)
        begun = await browser.get(person.authorization_url())
        page = await browser.get(begun.headers["location"])
        form = hidden_fields(page.text)
        form |= {"email": "ada@example.com", "password": "correct horse battery staple"}
        signed_in = await browser.post("/sign-in", data=form)
        await person.follow(signed_in)
        fields = hidden_fields((await browser.get("/account/apps")).text)
        out = await browser.post("/account/sign-out", data=fields)
    return [
        each for answer in (begun, signed_in, out) for each in answer.headers.get_list("set-cookie")
    ]


async def test_cookies_over_https_are_bound_to_the_host(secure: Installation) -> None:
    """S103: `__Host-`, Secure, HttpOnly, SameSite, no Domain: no script and no subdomain sets them.

    RFC 6265bis §4.1.3.2, ASVS V3.3.
    """
    cookies = await set_cookies(secure)
    assert [each.partition("=")[0] for each in cookies] == [
        f"__Host-{BROWSER}",
        f"__Host-{SESSION}",
        "__Host-counterfoil_known",
        f"__Host-{SESSION}",
        "__Host-counterfoil_provider",
    ]
    for each in cookies:
        attributes = {part.strip().lower() for part in each.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
        assert not any(attribute.startswith("domain") for attribute in attributes)
    assert re.search(r"(?i)max-age=0", cookies[3])


async def test_cookies_in_development_are_as_strict_as_http_allows(site: Installation) -> None:
    """S103: plain http is for loopback alone; what is left out is what it cannot keep."""
    for each in await set_cookies(site):
        attributes = {part.strip().lower() for part in each.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= attributes
        assert "secure" not in attributes
        assert not each.startswith("__Host-")


async def test_a_cookie_planted_by_a_neighbour_is_not_read(secure: Installation) -> None:
    """S104: over https only the `__Host-` names count, and a neighbour cannot set those."""
    async with secure.browser() as attacker:
        await Person(secure, attacker).code()
        stolen = cookie(attacker, SESSION)
    async with secure.browser(cookies={SESSION: stolen}) as victim:
        assert (await victim.get("/account/apps")).status_code == 303
    async with secure.browser(cookies={f"__Host-{SESSION}": stolen}) as browser:
        assert (await browser.get("/account/apps")).status_code == 200, "the counter-proof"


async def test_a_token_is_no_cookie(own: Installation) -> None:
    """S75: what an app holds does not sign anybody in at the server."""
    async with own.browser() as browser:
        tokens = await Person(own, browser).tokens()
    for value in (tokens["access_token"], tokens["refresh_token"], tokens["id_token"]):
        assert not await is_signed_in(own, value)


async def test_a_stolen_session_that_is_old_signs_its_owner_out_nowhere(own: Installation) -> None:
    """ASVS V7.5.2: it may leave by itself, and that is all: the owner's other browsers go on."""
    async with own.browser() as browser, own.browser() as elsewhere:
        thief, owner = Person(own, browser), Person(own, elsewhere)
        await thief.code()
        held = partial(own.authority.store.read, lambda tx: tx.sessions.of_user(owner.user_id))
        (here,) = await held()
        await owner.code()
        (there,) = (each for each in await held() if each.id != here.id)
        own.clock.turn(3600)
        form = hidden_fields((await browser.get("/account/apps")).text)
        for path in (
            f"/account/end/session/{there.id}",
            f"/account/end/user/{owner.user_id}",
            "/account/devices/others",
        ):
            for answer in (await browser.get(path), await browser.post(path, data=form)):
                assert answer.headers["location"].startswith("/sign-in?next="), path
        assert (await elsewhere.get("/account/apps")).status_code == 200
        assert (await browser.post(f"/account/end/session/{here.id}", data=form)).status_code == 200
        assert (await browser.get("/account/apps")).status_code == 303


async def test_a_session_that_is_ended_meanwhile_ends_nothing(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASVS V7.5.2: its owner signs it out while the thief's form waits for its turn."""
    async with own.browser() as browser, own.browser() as elsewhere:
        thief, owner = Person(own, browser), Person(own, elsewhere)
        store = own.authority.store
        transact = store.transact
        await owner.code()
        (there,) = await store.read(lambda tx: tx.sessions.of_user(owner.user_id))
        for path in (
            f"/account/end/session/{there.id}",
            f"/account/end/user/{owner.user_id}",
            "/account/devices/others",
            "/account/devices/forget/whichever",
        ):
            await thief.code()
            form = hidden_fields((await browser.get("/account/apps")).text)
            sessions = await store.read(lambda tx: tx.sessions.of_user(owner.user_id))
            stolen = next(each.id for each in sessions if each.id != there.id)

            async def turn_comes(work: Any, stolen: str = stolen, **said: bool) -> Any:
                monkeypatch.setattr(store, "transact", transact)
                await transact(lambda tx: revocation.end_session(tx, stolen, CLI))
                return await transact(work, **said)

            monkeypatch.setattr(store, "transact", turn_comes)
            answer = await browser.post(path, data=form)
            assert "You signed in too long ago" in answer.text, path
        assert (await elsewhere.get("/account/apps")).status_code == 200
