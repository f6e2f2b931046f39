"""Holders against a real server: always good tokens, one refresh at a time."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
import requests

from counterfoil.client import (
    AsyncClient,
    CacheUnusable,
    Client,
    MemoryCache,
    Outside,
    SignInNeeded,
    Tokens,
)
from counterfoil.client import holder as module
from counterfoil.jose.jwt import unverified_claims
from tests.client.listening import listening
from tests.flows.serving import until
from tests.interop.serving import CALLBACK, NOTES, SCOPE, Serving, serving

OLD = 3541
"""Seconds after which a token that lives for an hour is replaced."""


class Ahead:
    """A clock that can be put forward: the client then takes its tokens for old ones."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.seconds


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as it:
        yield it


@pytest.fixture
def clock() -> Ahead:
    return Ahead()


def client(server: Serving, clock: Ahead, cache: MemoryCache | None = None) -> Client:
    who = server.issuer, "spa"
    outside = Outside(clock=clock)
    return Client(*who, redirect_uri=CALLBACK, outside=outside, cache=cache or MemoryCache())


def signed_in(server: Serving, app: Client) -> Tokens:
    sign_in = app.begin(SCOPE)
    return app.complete(sign_in.attempt, server.allow(sign_in.url))


def test_threads_that_all_need_a_token_refresh_once(server: Serving, clock: Ahead):
    """Two holders of one cache, fifty threads: all get the one successor."""
    cache = MemoryCache()
    with client(server, clock, cache) as one, client(server, clock, cache) as other:
        first = signed_in(server, one)
        holders = one.holder(SCOPE), other.holder(SCOPE)
        holders[0].take(first)
        clock.seconds = OLD
        barrier = threading.Barrier(50)

        def ask(number: int) -> Tokens:
            barrier.wait()
            return holders[number % 2].tokens()

        with ThreadPoolExecutor(50) as threads:
            given = {tokens.access_token for tokens in threads.map(ask, range(50))}
        assert len(given) == 1
        assert given != {first.access_token}
        holders[0].end()


@pytest.mark.anyio
async def test_tasks_that_all_need_a_token_refresh_once(server: Serving, clock: Ahead):
    async with AsyncClient(
        server.issuer, "spa", redirect_uri=CALLBACK, outside=Outside(clock=clock)
    ) as app:
        sign_in = await app.begin(SCOPE)
        holder = app.holder(SCOPE)
        await holder.take(await app.complete(sign_in.attempt, server.allow(sign_in.url)))
        before = await holder.access_token()
        clock.seconds = OLD
        given = set(await asyncio.gather(*[holder.access_token() for _ in range(50)]))
        assert len(given) == 1
        assert given != {before}
        await holder.end()
        with pytest.raises(SignInNeeded):
            await holder.tokens()


@pytest.mark.anyio
async def test_a_refresh_whose_asker_is_cancelled_is_kept_all_the_same(
    server: Serving, clock: Ahead
):
    """Else its answer would be lost, and with it the session a few seconds later."""
    cache = MemoryCache()
    async with AsyncClient(
        server.issuer, "spa", redirect_uri=CALLBACK, outside=Outside(clock=clock), cache=cache
    ) as app:
        sign_in = await app.begin(SCOPE)
        holder = app.holder(SCOPE)
        await holder.take(await app.complete(sign_in.attempt, server.allow(sign_in.url)))
        before = cache.read(holder.entry)
        clock.seconds = OLD
        asking = asyncio.create_task(holder.tokens())
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: cache.read(holder.entry) != before)
        await holder.end()


def test_what_was_ended_at_the_server_is_told_as_sign_in_again(server: Serving, clock: Ahead):
    with client(server, clock) as app:
        tokens, holder = signed_in(server, app), app.holder(SCOPE)
        holder.take(tokens)
        app.revoke(tokens.refresh_token or "")
        assert holder.access_token() == tokens.access_token, "it is not asked for at each use"
        with pytest.raises(SignInNeeded, match=r"[Ss]ign in again"):
            holder.tokens(refused=tokens.access_token)


def test_the_end_gives_everything_back(server: Serving, clock: Ahead):
    """RFC 7009: the refresh token, and with it all that hangs on it."""
    with client(server, clock) as app:
        tokens, holder = signed_in(server, app), app.holder(SCOPE)
        holder.take(tokens)
        holder.end()
        with pytest.raises(SignInNeeded):
            holder.tokens()
        holder.take(tokens)
        with pytest.raises(SignInNeeded):
            holder.tokens(refused=tokens.access_token)


def test_a_service_keeps_its_token_until_it_is_old(server: Serving, clock: Ahead):
    """RFC 6749 §4.4: fetched once, and anew ahead of its end."""
    outside = Outside(clock=clock)
    who = server.issuer, "service", server.secrets["service"]
    with Client(*who, outside=outside) as app:
        holder = app.service("notes:read", resource=NOTES)
        first = holder.access_token()
        assert holder.access_token() == first
        clock.seconds = 3600
        assert holder.access_token() != first


def test_both_libraries_call_with_a_holder_s_tokens(server: Serving, clock: Ahead):
    """A token that the API refuses is replaced by a real refresh, and the call made once more."""
    with client(server, clock) as app, listening() as api:
        tokens, holder = signed_in(server, app), app.holder(SCOPE)
        holder.take(tokens)
        with httpx2.Client(auth=holder.auth(api.url), trust_env=False) as http:
            assert http.get(f"{api.url}/x").status_code == 401
        before, after = api.shown
        assert before == f"Bearer {tokens.access_token}"
        assert after == f"Bearer {holder.access_token()}" != before
        api.good = {holder.access_token()}
        answer = requests.get(f"{api.url}/x", auth=holder.requests_auth(api.url), timeout=5)
        assert answer.status_code == 200
        holder.end()


def test_an_api_must_be_named(server: Serving, clock: Ahead):
    """Whoever does not say where a token may go would have it go anywhere."""
    with client(server, clock) as app:
        with pytest.raises(ValueError, match="for which API"):
            app.holder().auth()
        with pytest.raises(ValueError, match="https"):
            app.holder().requests_auth("http://api.example")
        assert app.holder(resource=NOTES).auth()


def test_a_lock_that_is_never_given_back_is_said(
    server: Serving, clock: Ahead, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "PATIENCE", 0.02)
    cache = MemoryCache()
    with client(server, clock, cache) as app:
        holder = app.holder()
        unlock = cache.try_lock(holder.entry)
        assert unlock is not None
        with pytest.raises(CacheUnusable, match="another process"):
            holder.tokens()
        unlock()


def test_a_token_that_is_good_for_less_is_given_and_not_kept(server: Serving, clock: Ahead):
    """S54, S52: what the holder holds stays whole, and its refresh token goes on."""
    with client(server, clock) as app:
        holder = app.holder(SCOPE)
        holder.take(signed_in(server, app))
        held = holder.access_token()
        one_use = holder.narrowed(max_uses="1", lifetime="60")
        claims = unverified_claims(one_use.access_token)
        assert (claims["max_uses"], claims["exp"] - claims["iat"]) == (1, 60)
        assert one_use.refresh_token is None
        assert holder.access_token() == held
        assert holder.narrowed(max_uses="1").access_token != one_use.access_token
        clock.seconds = OLD
        assert "max_uses" not in unverified_claims(holder.access_token())
        with pytest.raises(ValueError, match="makes less"):
            holder.narrowed()


@pytest.mark.anyio
async def test_async_code_gets_such_a_token_too(server: Serving, clock: Ahead):
    """And a task that is cancelled loses no refresh token."""
    with client(server, clock) as app:
        tokens = signed_in(server, app)
    outside = Outside(clock=clock)
    async with AsyncClient(server.issuer, "spa", redirect_uri=CALLBACK, outside=outside) as app:
        holder = app.holder(SCOPE)
        await holder.take(tokens)
        gone = asyncio.create_task(holder.narrowed(max_uses="2"))
        await asyncio.sleep(0)
        gone.cancel()
        narrowed = await holder.narrowed(max_uses="1")
        assert unverified_claims(narrowed.access_token)["max_uses"] == 1
        assert await holder.access_token() == tokens.access_token
