"""Redirect tricks: where the server may be made to send a browser (RFC 9700 §4.1, §4.11)."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.server.records.store import Transaction, Work
from tests.installation import CALLBACK, Installation, Person, answer_of, installed
from tests.server.pages.document import without_switch

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("where a browser is sent asks no engine")]

LOOPBACK = "http://127.0.0.1/callback"
LOOPBACK_6 = "http://[::1]/callback"
PRIVATE = "com.example.app:/callback"
WITH_QUERY = "https://app.example/cb?tenant=1"
TRICKS = [
    "https://evil.example/callback",
    "https://app.example/callback/",
    "https://app.example/callback/../evil",
    "https://app.example/callback/%2e%2e/evil",
    "https://app.example/callback%2f..%2fevil",
    "https://app.example/other/../callback",
    "https://app.example/./callback",
    "https://app.example//callback",
    "https://app.example/callback?x=1",
    "https://app.example/callback?",
    "https://app.example/callback#fragment",
    "https://app.example/callback#",
    "https://app.example/callback;x",
    "https://app.example/callback%00",
    "https://app.example/callback%0d%0aset-cookie:x=1",
    "https://app.example/callback\r\nset-cookie: x=1",
    "https://app.example/callback\t",
    " https://app.example/callback",
    "https://app.example/callback ",
    "https://app.example/Callback",
    "https://APP.example/callback",
    "HTTPS://app.example/callback",
    "https://app.example:443/callback",
    "https://app.example:8443/callback",
    "https://app.example./callback",
    "https://app.example.evil.example/callback",
    "https://evilapp.example/callback",
    "https://app.exampleevil/callback",
    "https://evil.example/https://app.example/callback",
    "https://app.example@evil.example/callback",
    "https://evil.example@app.example/callback",
    "https://app.example:x@evil.example/callback",
    "https://app.example\\@evil.example/callback",
    "https://app.example\\.evil.example/callback",
    "https:\\\\app.example\\callback",
    "https:/app.example/callback",
    "https:app.example/callback",
    "//app.example/callback",
    "/callback",
    "callback",
    "http://app.example/callback",
    "https://xn--pp-8ja.example/callback",
    "https://\u0430pp.example/callback",
    "https://\uff41pp.example/callback",
    "https://app\u3002example/callback",
    "https://app.example/c\u200ballback",
    "javascript:alert(1)",
    "javascript://app.example/callback",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "https://*.example/callback",
    "https://app.example/*",
    f"{LOOPBACK}/",
    "http://127.0.0.1/other",
    "http://127.0.0.1:80/callback?x",
    "http://127.0.0.1:80/callback#x",
    "http://127.0.0.1:0x50/callback",
    "http://127.0.0.1:99999/callback",
    "http://127.0.0.1:-1/callback",
    "http://127.0.0.1:/callback",
    "http://127.0.0.1:0080@evil.example/callback",
    "http://127.0.0.1:80:80/callback",
    "http://127.0.0.1:80@evil.example/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://127.0.0.1:80\\@evil.example/callback",
    "http://127.0.0.1:80\n/callback",
    "http://127.1/callback",
    "http://127.0.0.2/callback",
    "http://2130706433/callback",
    "http://0x7f000001/callback",
    "http://0.0.0.0/callback",
    "http://localhost/callback",
    "http://localhost:8080/callback",
    "http://[::ffff:127.0.0.1]/callback",
    "http://[0:0:0:0:0:0:0:1]/callback",
    "https://127.0.0.1/callback",
    "com.example.app:/callback/../x",
    "com.example.app://callback",
    "com.example.app:/other",
    "com.example.app.evil:/callback",
    "COM.example.app:/callback",
    "https://app.example/cb",
    "https://app.example/cb?tenant=2",
    "https://app.example/cb?tenant=1&tenant=2",
    "https://app.example/cb?tenant=1&x=2",
]


@pytest.fixture(scope="module")
async def site(site: Installation) -> Installation:
    uris = (CALLBACK, LOOPBACK, LOOPBACK_6, PRIVATE, WITH_QUERY)
    for client_id, public in (("wide", False), ("native", True)):
        await site.add_client(
            client_id,
            grant_types=("authorization_code",),
            redirect_uris=uris,
            scopes=frozenset({"openid", "notes:read"}),
            public=public,
        )
    return site


def stays(answer: httpx2.Response) -> bool:
    """A page of our own, which leads nowhere by itself."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "http-equiv" not in answer.text
    return answer.status_code == 400 and "location" not in answer.headers


@pytest.mark.parametrize("client_id", ["wide", "native"])
@pytest.mark.parametrize("trick", TRICKS)
async def test_only_a_registered_redirect_uri_is_ever_answered(
    site: Installation, client_id: str, trick: str
) -> None:
    """Exact comparison: neither codes nor errors go anywhere else (OAuth 2.1 §4.1.3, S119)."""
    async with site.browser() as browser:
        person = Person(site, browser)
        for more in ({}, {"prompt": "none"}, {"scope": "nonsense"}, {"response_type": "token"}):
            url = person.authorization_url(client_id, redirect_uri=trick, **more)
            answer = await browser.get(url)
            assert stays(answer), answer.headers
            assert trick not in without_switch(answer.text)


@pytest.mark.parametrize(
    "uri",
    [CALLBACK, PRIVATE, WITH_QUERY, "http://127.0.0.1:51004/callback", "http://[::1]:1/callback"],
)
async def test_what_was_registered_is_answered(site: Installation, uri: str) -> None:
    """The counter-proof; the port of a loopback address is free (RFC 8252 §7.3)."""
    async with site.browser() as browser:
        person = Person(site, browser)
        answer = await browser.get(
            person.authorization_url("wide", redirect_uri=uri, prompt="none")
        )
        target = answer.headers["location"]
        assert target.startswith(uri)
        assert target[len(uri)] == ("&" if "?" in uri else "?")
        assert answer_of(answer)["error"] == "login_required"


@pytest.mark.parametrize("client_id", ["", "unknown", "app\x00", "APP", "app ", "../app", "*"])
async def test_nobody_is_sent_anywhere_for_an_unknown_app(
    site: Installation, client_id: str
) -> None:
    async with site.browser() as browser:
        url = f"/authorize?{urlencode({'client_id': client_id, 'redirect_uri': CALLBACK})}"
        assert stays(await browser.get(url))


async def test_nobody_is_sent_anywhere_for_a_disabled_app(own: Installation) -> None:
    from functools import partial

    from counterfoil.server.protocol import revocation
    from counterfoil.server.protocol.events import CLI

    async with own.browser() as browser:
        person = Person(own, browser)
        page = await person.sign_in(await person.open())
        disable = partial(revocation.disable_client, client_id="app", by=CLI)
        await own.authority.store.transact(disable)
        assert stays(await browser.get(person.authorization_url()))
        assert stays(await person.allow(page))


@pytest.mark.parametrize("second", ["https://evil.example/", CALLBACK])
async def test_a_second_redirect_uri_is_refused(site: Installation, second: str) -> None:
    """HTTP parameter pollution: no layer may read one value, and another layer the other."""
    async with site.browser() as browser:
        url = Person(site, browser).authorization_url()
        more = urlencode({"redirect_uri": second})
        for polluted in (f"{url}&{more}", url.replace("?", f"?{more}&")):
            answer = await browser.get(polluted)
            assert stays(answer)
            assert "redirect_uri is given more than once" in answer.text


@pytest.mark.parametrize(
    "state", ["a\r\nset-cookie: x=1", "&iss=evil&code=1", "#x", "\u2028", "%0d%0a"]
)
async def test_state_cannot_split_or_extend_the_answer(site: Installation, state: str) -> None:
    """Header injection and parameter injection by what we carry back."""
    async with site.browser() as browser:
        person = Person(site, browser)
        answer = await browser.get(person.authorization_url(state=state, prompt="none"))
        assert answer.status_code == 303
        assert "set-cookie" not in answer.headers or "x=1" not in answer.headers["set-cookie"]
        parts = urlsplit(answer.headers["location"])
        assert not parts.fragment
        assert parse_qs(parts.query)["state"] == [state]
        assert parse_qs(parts.query)["iss"] == [site.issuer]


@pytest.mark.parametrize(
    "name", ["next", "return_to", "redirect", "url", "continue", "redirect_uri"]
)
async def test_no_page_follows_a_next_parameter(site: Installation, name: str) -> None:
    """Open redirects: no page of ours takes a target from its address or its form."""
    evil = {name: "https://evil.example/"}
    async with site.browser() as browser:
        person = Person(site, browser)
        page = await browser.get("/sign-in", params=evil)
        assert "evil.example" not in without_switch(page.text)
        fields = {"csrf": page.text.partition('name="csrf" value="')[2].partition('"')[0]}
        wanted = {"email": "ada@example.com", "password": "correct horse battery staple"}
        answer = await browser.post("/sign-in", params=evil, data=fields | wanted | evil)
        assert answer.headers["location"] == "/account/apps"
        for path in ("/", "/account/apps", "/signed-out", "/logout"):
            answer = await browser.get(path, params=evil)
            assert "location" not in answer.headers
            assert "evil.example" not in without_switch(answer.text)
        await person.browser.post("/account/sign-out", data=evil)


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        "https://app.example/bye/",
        "https://app.example/bye?x=1",
        "https://app.example/bye#x",
        "https://app.example@evil.example/bye",
        "https://app.example/callback",
        "//evil.example/bye",
        "javascript:alert(1)",
        "https://app.example/bye\r\nset-cookie:x=1",
    ],
)
async def test_logout_returns_only_to_what_the_app_registered(site: Installation, uri: str) -> None:
    """RP-Initiated Logout §3: the target is compared exactly, and needs an app that owns it."""
    async with site.browser() as browser:
        id_token = (await Person(site, browser).tokens())["id_token"]
        for asked in ({"client_id": "app"}, {"id_token_hint": id_token}, {}):
            answer = await browser.get("/logout", params={**asked, "post_logout_redirect_uri": uri})
            assert stays(answer)
        answer = await browser.get("/account/apps")
        assert answer.status_code == 200, "and nobody was signed out"


async def test_logout_of_one_app_does_not_return_to_another(site: Installation) -> None:
    async with site.browser() as browser:
        id_token = (await Person(site, browser).tokens())["id_token"]
        asked = {"id_token_hint": id_token, "client_id": "spa"}
        answer = await browser.get(
            "/logout", params={**asked, "post_logout_redirect_uri": "https://app.example/bye"}
        )
        assert stays(answer)


GONE = "https://lost.example/callback"


async def moving(place: Installation) -> Work[None]:
    """Add an app with two addresses; gives what takes one of them back."""
    await place.add_client(
        "moving",
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK, GONE),
        scopes=frozenset({"notes:read"}),
    )

    async def take_back(tx: Transaction) -> None:
        client = await tx.clients.find("moving")
        assert client is not None
        await tx.clients.update(replace(client, redirect_uris=(CALLBACK,)))

    return take_back


@pytest.mark.parametrize("is_taken_back", [True, False])
async def test_nor_is_it_told_that_somebody_cannot_come_in(
    tmp_path: Path, is_taken_back: bool
) -> None:
    """More is demanded than they have, and than they may set up."""
    demanding: dict[str, Any] = {"second_factor_for": "everyone", "second_factor_enrolment": False}
    async with installed(tmp_path, **demanding) as place, place.browser() as browser:
        take_back, person = await moving(place), Person(place, browser)
        page = await person.open("moving", redirect_uri=GONE, scope="notes:read")
        if is_taken_back:
            await place.authority.store.transact(take_back)
        answer = await person.sign_in(page)
        if is_taken_back:
            assert stays(answer)
        else:
            assert answer_of(answer)["error"] == "unmet_authentication_requirements"


@pytest.mark.parametrize("decision", ["allow", "deny"])
async def test_an_address_that_was_taken_back_meanwhile_is_not_answered(
    own: Installation, decision: str
) -> None:
    """It may belong to somebody else by now: what was under way goes there no more."""
    take_back = await moving(own)
    async with own.browser() as browser, own.browser() as another:
        before, asked = Person(own, another), Person(own, browser)
        waiting = await before.open("moving", redirect_uri=GONE, scope="notes:read")
        page = await asked.open("moving", redirect_uri=GONE, scope="notes:read")
        page = await asked.sign_in(page)
        await own.authority.store.transact(take_back)
        assert stays(await asked.allow(page, decision=decision))
        assert stays(await before.sign_in(waiting))


async def test_another_program_on_the_device_is_never_approved_in_silence(
    site: Installation,
) -> None:
    """A public app that returns to the device is asked for each time (RFC 8252 §8.6)."""
    async with site.browser() as browser:
        person = Person(site, browser)
        for uri in (LOOPBACK, PRIVATE):
            await person.code("native", redirect_uri=uri)
            page = await person.open("native", redirect_uri=uri)
            assert page.status_code == 200
            assert "permission" in page.text
            silent = await person.open("native", redirect_uri=uri, prompt="none")
            assert answer_of(silent)["error"] == "consent_required"


async def test_the_host_header_names_nothing(site: Installation) -> None:
    """Host header injection: every address we speak of is the issuer's, or relative."""
    headers = {
        "host": "evil.example",
        "x-forwarded-host": "evil.example",
        "forwarded": "host=evil.example",
    }
    async with site.browser() as browser:
        person = Person(site, browser)
        answer = await browser.get(person.authorization_url(), headers=headers)
        assert answer.headers["location"].startswith("/sign-in?")
        page = await browser.get(answer.headers["location"], headers=headers)
        discovery = await browser.get("/.well-known/openid-configuration", headers=headers)
        for answer in (page, discovery, await browser.get("/", headers=headers)):
            assert "evil.example" not in answer.text
