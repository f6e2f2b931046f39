"""Pages under attack: framed, injected into, cached, read by other sites (S103, ASVS V3)."""

import re
from functools import partial
from typing import Any

import httpx2
import pytest

from counterfoil.server.app import ROUTES
from counterfoil.server.web.server import Caller
from tests.installation import CALLBACK, Installation, Person, endings_in, hidden_fields

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("pages are written without a database")]

MARKUP = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"


async def all_pages(site: Installation) -> dict[str, httpx2.Response]:
    """One of each page, errors included, as people meet them."""
    async with site.browser() as browser:
        person = Person(site, browser)
        home = await browser.get("/")
        sign_in = await person.open(prompt="consent")
        fields = hidden_fields(sign_in.text)
        wrong = await browser.post("/sign-in", data=fields | {"email": "x", "password": "x"})
        consent = await person.sign_in(sign_in)
        bare = await person.open(prompt="consent", scope="notes:read")
        none = await person.allow(bare, permissions=[])
        await person.allow(consent)
        return {
            "home": home,
            "sign-in": sign_in,
            "wrong password": wrong,
            "consent": consent,
            "nothing chosen": none,
            "signed in": await browser.get("/"),
            "apps": await browser.get("/account/apps"),
            "devices": await browser.get("/account/devices"),
            "other devices": await browser.get("/account/devices/others"),
            "not me": await browser.get("/account/not-me?about=event:x"),
            "own data": await browser.get("/account/data"),
            "delete": await browser.get("/account/delete"),
            "activity": await browser.get("/account/activity"),
            "profile": await browser.get("/account/profile"),
            "security": await browser.get("/account/security"),
            "password": await browser.get("/account/password"),
            "end": await browser.get(f"/account/end/user/{person.user_id}"),
            "logout": await browser.get("/logout"),
            "signed out": await browser.get("/signed-out"),
            "unknown app": await browser.get("/authorize?client_id=x"),
            "forged form": await browser.post("/account/sign-out", data={"csrf": "x"}),
            "not found": await browser.get("/nowhere", headers={"accept": "text/html"}),
        }


async def test_no_page_can_be_framed_or_scripted(site: Installation) -> None:
    """S103: clickjacking, injected scripts, sniffed types, leaked addresses (RFC 9700 §4.16)."""
    for name, page in (await all_pages(site)).items():
        assert page.headers["content-type"] == "text/html; charset=utf-8", name
        policy = page.headers["content-security-policy"]
        directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
        assert directives["default-src"] == "'none'", name
        assert directives["frame-ancestors"] == "'none'", name
        assert directives["base-uri"] == "'none'", name
        assert "script-src" not in directives, name
        assert "unsafe" not in policy, name
        assert directives["form-action"] in {"'self'", "'self' https://app.example"}, name
        assert page.headers["x-frame-options"] == "DENY", name
        assert page.headers["x-content-type-options"] == "nosniff", name
        assert page.headers["referrer-policy"] in {"same-origin", "no-referrer"}, name
        assert page.headers["cache-control"] == "no-store", name
        assert page.headers["cross-origin-opener-policy"] == "same-origin", name
        assert page.headers["cross-origin-resource-policy"] == "same-origin", name
        assert "access-control-allow-origin" not in page.headers, name


async def test_no_page_holds_a_script_or_a_style_of_its_own(site: Installation) -> None:
    """S103: nothing inline, so that the policy needs no exception."""
    for name, page in (await all_pages(site)).items():
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", page.text), name
        for target in re.findall(r'(?:href|src|action)="([^"]*)"', page.text):
            assert target.startswith("/") or target == "#main", (name, target)


@pytest.mark.parametrize("name", ["login_hint", "state", "nonce", "scope", "prompt", "client_id"])
async def test_what_an_app_sends_is_never_markup(site: Installation, name: str) -> None:
    """S103: reflected values are escaped wherever they are shown."""
    async with site.browser() as browser:
        person = Person(site, browser)
        answer = await browser.get(person.authorization_url(**{name: MARKUP}))
        if answer.status_code == 303:
            location = answer.headers["location"]
            assert "<" not in location
            assert '"' not in location
            if location.startswith("/"):
                answer = await browser.get(location)
        assert "<script>" not in answer.text
        assert "<img" not in answer.text


async def test_what_a_person_types_is_never_markup(site: Installation) -> None:
    async with site.browser() as browser:
        form = hidden_fields((await browser.get("/sign-in")).text)
        form |= {"email": MARKUP, "password": MARKUP}
        page = await browser.post("/sign-in", data=form)
        assert "<script>" not in page.text
        assert "&lt;script&gt;" in page.text, "the counter-proof: it is shown"
        for fields in ("client_id", "state", "id_token_hint", "post_logout_redirect_uri"):
            page = await browser.get("/logout", params={fields: MARKUP})
            assert "<script>" not in page.text
        for path in (f"/{MARKUP}", f"/account/apps?done={MARKUP}", f"/static/{MARKUP}"):
            assert "<script>" not in (await browser.get(path)).text


async def test_what_was_registered_is_never_markup(own: Installation) -> None:
    """S103: names of apps, APIs, scopes and people are data, from whomever they come."""
    scopes = {"odd:scope": MARKUP}
    await own.add_api("https://odd.example", MARKUP, scopes)
    await own.add_client(
        "odd",
        client_name=MARKUP,
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK,),
        scopes=frozenset({"openid", "odd:scope"}),
    )
    await own.add_user("grace@example.com", name=MARKUP)
    agent = {"user-agent": MARKUP}
    async with own.browser(headers=agent) as browser:
        person = Person(own, browser)
        sign_in = await person.open("odd", scope="openid odd:scope")
        consent = await person.sign_in(sign_in, email="grace@example.com")
        done = await person.allow(consent)
        assert done.status_code == 303
        code = httpx2.URL(done.headers["location"]).params["code"]
        assert (await person.exchange(code, "odd")).status_code == 200
        apps = await browser.get("/account/apps")
        asking = [await browser.get(verb) for verb in endings_in(apps.text)]
        assert len(asking) == 3
        pages = [sign_in, consent, apps, *asking, await browser.get("/logout")]
    for page in pages:
        assert "<script>" not in page.text
        assert "<img" not in page.text
    assert "&lt;script&gt;" in consent.text


async def test_a_name_cannot_hide_or_turn_what_stands_beside_it(own: Installation) -> None:
    """Marks that turn text around, and names of nothing, would change what is consented to."""
    from counterfoil.oauth.errors import OAuthError

    for name in ("Bank\u202egro.live", "\u200b", " ", "a\nb", "x" * 201):
        with pytest.raises(OAuthError, match="client_name"):
            await own.add_client("shy", client_name=name)


async def test_consent_shows_who_asks_and_where_it_leads(site: Installation) -> None:
    """Nobody can be told less than: which app, which host, which permissions, which account."""
    async with site.browser() as browser:
        person = Person(site, browser)
        page = await person.sign_in(await person.open(prompt="consent"))
    for told in ("App", "app.example", "Read your notes", "ada@example.com"):
        assert told in page.text


@pytest.mark.parametrize(
    "route",
    [each for each in ROUTES if each.caller is Caller.SCRIPT],
    ids=lambda each: each.path,
)
async def test_scripts_of_any_origin_may_call_but_bring_no_cookie(
    site: Installation, route: Any
) -> None:
    """S96, S97: `*` without credentials; the preflight needs no token and is never refused."""
    async with site.browser() as browser:
        await Person(site, browser).code()
        preflight = {
            "origin": "https://spa.example",
            "access-control-request-method": route.methods[0],
            "access-control-request-headers": "authorization",
        }
        answer = await browser.options(route.path, headers=preflight)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert route.methods[0] in answer.headers["access-control-allow-methods"]
        assert "authorization" in answer.headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize(
    "route",
    [each for each in ROUTES if each.caller is not Caller.SCRIPT and "static" not in each.path],
    ids=lambda each: f"{each.methods[0]} {each.path}",
)
async def test_pages_are_not_open_to_scripts_of_other_origins(
    site: Installation, route: Any
) -> None:
    """S103: no other site reads a page, nor gets leave to send one of its forms by script."""
    path = re.sub(r"\{\w+\}", "x", route.path)
    async with site.browser() as browser:
        for method in ("OPTIONS", route.methods[0]):
            headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
            answer = await browser.request(method, path, headers=headers)
            assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_token_is_taken_from_the_header_alone(site: Installation) -> None:
    """S95: not from the address, a form or a cookie (OAuth 2.1 §5.1, RFC 9700 §4.3.2)."""
    async with site.browser() as browser:
        token = (await Person(site, browser).tokens())["access_token"]
        for answer in (
            await browser.get("/userinfo", params={"access_token": token}),
            await browser.post("/userinfo", data={"access_token": token}),
            await browser.get("/userinfo", headers={"cookie": f"access_token={token}"}),
            await browser.get("/userinfo", headers={"authorization": f"Basic {token}"}),
            await browser.get("/userinfo", headers={"authorization": token}),
        ):
            assert answer.status_code == 401
            assert answer.json()["error_reason"] == "missing"
        headers = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
        assert (await browser.get("/userinfo", headers=headers)).status_code == 401, "not twice"
        headers = [("authorization", f"bearer {token}")]
        assert (await browser.get("/userinfo", headers=headers)).status_code == 200


async def test_https_is_asked_for_over_https_and_only_there(
    site: Installation, secure: Installation
) -> None:
    """S94: HSTS on every answer of a server that the world reaches (ASVS V3.4.1)."""
    for path in ("/", "/nowhere", "/jwks.json", "/token", "/health/live"):
        async with secure.browser() as browser:
            policy = (await browser.get(path)).headers["strict-transport-security"]
            assert int(policy.partition("max-age=")[2].partition(";")[0]) >= 31_536_000
        async with site.browser() as browser:
            assert "strict-transport-security" not in (await browser.get(path)).headers


@pytest.mark.parametrize(
    "issuer", ["http://id.example", "http://10.0.0.1:8000", "http://0.0.0.0:8000"]
)
def test_no_server_is_reached_over_plain_http(issuer: str) -> None:
    """S94: plain http is for loopback hosts alone."""
    from counterfoil.server.settings import SettingsError, load

    with pytest.raises(SettingsError, match="must be https"):
        load({}, {"issuer": issuer})


async def test_the_disabled_app_is_not_returned_to_at_logout(own: Installation) -> None:
    from counterfoil.server.protocol import revocation
    from counterfoil.server.protocol.events import CLI

    disable = partial(revocation.disable_client, client_id="app", by=CLI)
    await own.authority.store.transact(disable)
    async with own.browser() as browser:
        asked = {"client_id": "app", "post_logout_redirect_uri": "https://app.example/bye"}
        answer = await browser.get("/logout", params=asked)
        assert answer.status_code == 400
