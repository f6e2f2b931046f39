"""Sessions and the tokens behind them."""

import asyncio
from contextlib import ExitStack

import pytest

from counterfoil.bff import Limits, MemorySessions
from counterfoil.bff.asgi import TurnedAway
from counterfoil.bff.custody import MOST_AT_ONCE, key_of
from counterfoil.client import Entry, MemoryCache, Refused
from tests.bff.shop import SESSION, App, Browser, Shop

pytestmark = pytest.mark.anyio


async def alive(app: App, held: str) -> bool:
    """Whether an id still opens the API, in whatever browser."""
    async with app.browser() as other:
        other.app.cookies.set(SESSION, held, domain="shop.example")
        return (await other.call("/api/notes")).status_code == 200


async def test_the_store_never_holds_the_id(shop: Shop):
    store = MemorySessions()
    async with shop.app(sessions=store) as app, app.browser() as browser:
        await browser.sign_in()
        assert await store.find(browser.session) is None
        found = await store.find(key_of(browser.session))
        assert found is not None
        assert browser.session not in repr(found)


async def test_a_session_ends_when_it_lies_idle(shop: Shop):
    limits = Limits(idle=1000, absolute=1500)
    async with shop.app(limits=limits) as app, app.browser() as browser:
        await browser.sign_in()
        app.clock.ahead = 900
        assert await alive(app, browser.session)
        app.clock.ahead = 1400
        assert await alive(app, browser.session)
        app.clock.ahead = 1501
        assert not await alive(app, browser.session)
        app.clock.ahead = 0
        assert not await alive(app, browser.session)


async def test_a_sign_in_ends_the_session_that_it_replaces(app: App, browser: Browser):
    await browser.sign_in()
    before = browser.session
    await browser.sign_in()
    assert browser.session != before
    assert not await alive(app, before)
    assert await alive(app, browser.session)


async def test_what_had_to_go_gives_its_tokens_back(shop: Shop):
    """They do not live on at the server with nobody to end them."""
    async with (
        shop.app(sessions=MemorySessions(most_each=1)) as app,
        app.browser() as one,
        app.browser() as two,
    ):
        await one.sign_in()
        custody = app.bff._setup.custody
        tokens = await custody._holder(key_of(one.session)).tokens()
        await two.sign_in()
        await custody.aclose()
        assert not await alive(app, one.session)
        assert await alive(app, two.session)
        with pytest.raises(Refused, match="invalid_grant"):
            await app.bff._setup.client.refresh(tokens)


async def test_twenty_calls_at_once_refresh_once(app: App, browser: Browser):
    """And all of them are answered."""
    await browser.sign_in()
    holder = app.bff._setup.custody._holder(key_of(browser.session))
    before = await holder.tokens()
    app.clock.ahead = 3600
    calls = await asyncio.gather(*[browser.call("/odd/") for _ in range(20)])
    assert {call.status_code for call in calls} == {200}
    shown = {seen_token(scope) for scope in app.shop.odd.seen[-20:]}
    assert len(shown) == 1
    assert before.access_token not in shown


def seen_token(scope: dict) -> str:
    return dict(scope["headers"])[b"authorization"].decode().partition(" ")[2]


async def test_one_session_makes_so_many_calls_at_once(app: App, browser: Browser):
    await browser.sign_in()
    session = await app.bff._setup.custody.find(browser.session)
    assert session is not None
    with ExitStack() as stack:
        for _ in range(MOST_AT_ONCE):
            stack.enter_context(app.bff._setup.custody.under_way(session))
        assert (await browser.call("/api/notes")).status_code == 429
    assert (await browser.call("/api/notes")).status_code == 200


async def test_where_no_token_can_be_had_the_session_stands(app: App, browser: Browser):
    """The server says no, but not that the person has to sign in."""
    await browser.sign_in()
    custody = app.bff._setup.custody
    session = await custody.find(browser.session)
    assert session is not None
    with pytest.raises(TurnedAway) as refused:
        await custody.tokens(session, "https://unknown.example")
    assert refused.value.reply.status == 502
    assert (await browser.call("/api/notes")).status_code == 200


async def test_a_sign_out_that_is_cut_off_ends_the_tokens_all_the_same(shop: Shop):
    """Some servers cancel the work for a browser that has left."""
    forgotten = asyncio.Event()

    class Telling(MemoryCache):
        def remove(self, entry: Entry) -> None:
            super().remove(entry)
            forgotten.set()

    async with shop.app(cache=Telling()) as app, app.browser() as browser:
        await browser.sign_in()
        custody = app.bff._setup.custody
        session = await custody.find(browser.session)
        assert session is not None
        tokens = await custody.tokens(session)
        ending = asyncio.create_task(custody.end(session.key))
        await forgotten.wait()
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        await custody.aclose()
        with pytest.raises(Refused, match="invalid_grant"):
            await app.bff._setup.client.refresh(tokens)
