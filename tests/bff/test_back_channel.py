"""A session that has ended at the server ends here, at once, and no other does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest

from counterfoil.bff import Session, back_channel
from counterfoil.jose import jwt
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.logout_token import TYPE, LogoutToken
from tests.bff.shop import App, Browser, Shop
from tests.receiving import Receiver, receiver

pytestmark = pytest.mark.anyio
PATH = "/bff/logged-out"


async def tell(app: App, token: str, **more: str) -> httpx2.Response:
    """As the server does: from outside, with no cookie and none of an app's own headers."""
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app.bff), base_url="https://shop.example"
    ) as server:
        return await server.post(PATH, data={"logout_token": token, **more})


@pytest.fixture(scope="module")
def heard(shop: Shop) -> Any:
    """Where the real server tells the shop of logouts; a test carries that on."""
    with receiver() as listening:
        shop.server.counterfoil(
            "client", "update", "shop", "--backchannel-logout-uri", listening.url
        )
        yield listening
        shop.server.counterfoil("client", "update", "shop", "--backchannel-logout-uri", "")


async def session_of(app: App, browser: Browser) -> Session:
    session = await app.bff._setup.custody.find(browser.session)
    assert session is not None
    return session


@pytest.fixture
async def other(app: App) -> AsyncIterator[Browser]:
    async with app.browser() as other:
        yield other


async def is_in(browser: Browser) -> bool:
    return (await browser.call("/bff/session")).status_code == 200


async def test_whoever_signs_out_at_the_server_is_signed_out_here(
    app: App, browser: Browser, other: Browser, heard: Receiver
):
    """Another browser, with a session of its own at the server, stays."""
    await browser.sign_in()
    await other.sign_in()
    sessions = app.bff._setup.custody.sessions
    mine, theirs = await session_of(app, browser), await session_of(app, other)
    await sessions.remove(theirs.key)
    await sessions.add(msgspec.structs.replace(theirs, sid="another"))
    app.shop.server.counterfoil("session", "end", mine.sid, "--yes")
    token = heard.next()
    answer = await tell(app, token)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert await sessions.find(mine.key) is None
    assert not await is_in(browser)
    assert await sessions.find(theirs.key) is not None
    assert (await tell(app, token)).status_code == 200, "told twice, it has nothing left to end"


@pytest.mark.parametrize("since", [True, False])
async def test_a_logout_of_everything_ends_what_had_begun(
    app: App, browser: Browser, heard: Receiver, since: bool
):
    """One that is told late does not end what the person began since."""
    await browser.sign_in()
    session = await session_of(app, browser)
    app.shop.server.counterfoil("user", "end", session.subject, "--yes")
    token = heard.next()
    if since:
        sessions = app.bff._setup.custody.sessions
        await sessions.remove(session.key)
        later = msgspec.structs.replace(session, began_at=session.began_at + 3600)
        await sessions.add(later)
    assert (await tell(app, token)).status_code == 200
    assert (await app.bff._setup.custody.find(browser.session) is not None) == since


async def test_what_is_no_logout_token_ends_nothing(app: App, browser: Browser):
    await browser.sign_in()
    session = await session_of(app, browser)
    tokens = await app.bff._setup.custody.tokens(session)
    now = int(app.clock())
    claims = LogoutToken(
        iss=app.shop.server.issuer,
        aud="shop",
        iat=now,
        exp=now + 120,
        jti="j",
        sub=session.subject,
        sid=session.sid,
    )
    forged = jwt.sign(claims, PrivateKey.generate("ES256"), TYPE)
    for wrong in (forged, tokens.access_token, tokens.id_token or "", "x"):
        answer = await tell(app, wrong)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await is_in(browser)


async def test_a_form_is_short_and_whole(app: App):
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app.bff), base_url="https://shop.example"
    ) as server:
        assert (await server.get(PATH)).status_code == 405
        assert (await server.post(PATH, json={"logout_token": "x"})).status_code == 400
        assert (await server.post(PATH, data={"other": "x"})).status_code == 400
        twice = b"logout_token=a&logout_token=b"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await server.post(PATH, content=twice, headers=headers)).status_code == 400
        assert (await server.post(PATH, data={"logout_token": "x" * 20_000})).status_code == 413


async def silent() -> Any:
    await asyncio.Event().wait()


async def gone() -> Any:
    return {"type": "http.disconnect"}


@pytest.mark.parametrize(("receive", "status"), [(silent, 408), (gone, 400)])
async def test_who_does_not_come_to_an_end_is_turned_away(
    app: App, monkeypatch: pytest.MonkeyPatch, receive: Any, status: int
):
    monkeypatch.setattr(back_channel, "_PATIENCE", 0.01)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
    }
    await app.bff(scope, receive, send)
    assert sent[0]["status"] == status
