"""Floods: from one address, from many, through proxies, of one client; and a server that is full.

Whoever is turned away is told when to come back, and nothing was done for them.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec.structs import replace

from counterfoil.server.opening import DATABASE
from counterfoil.server.records.policy import ClientPolicy
from tests.attacks.wire import Answer, Header, Sent, send
from tests.installation import Installation, Person, installed

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("who comes is counted in memory")]

FORM: Header = (b"content-type", b"application/x-www-form-urlencoded")
STRANGER = b"grant_type=client_credentials&client_id=nobody&client_secret=x"
EACH = {
    "/token": ("token_rate_per_minute", "POST"),
    "/introspect": ("introspection_rate_per_minute", "POST"),
    "/userinfo": ("introspection_rate_per_minute", "GET"),
    "/revoke": ("revocation_rate_per_minute", "POST"),
    "/authorize": ("page_rate_per_minute", "GET"),
    "/sign-in": ("page_rate_per_minute", "POST"),
    "/logout": ("page_rate_per_minute", "GET"),
    "/api/clients": ("admin_rate_per_minute", "GET"),
    "/admin/": ("admin_rate_per_minute", "GET"),
    "/nowhere": ("page_rate_per_minute", "GET"),
}


async def ask(place: Installation, path: str, address: str, *forwarded: str) -> Answer:
    headers = [FORM, *((b"x-forwarded-for", each.encode()) for each in forwarded)]
    return await send(place.app, Sent(EACH[path][1], path, b"", headers, STRANGER, address))


@pytest.mark.parametrize("path", EACH)
async def test_a_flood_from_one_address_is_told_to_wait_and_others_are_served(
    tmp_path: Path, path: str
) -> None:
    """S119: before its request was read, no parameter and no secret looked at (RFC 6585 §4)."""
    async with installed(tmp_path, **{EACH[path][0]: 3}) as place:
        before = {(await ask(place, path, "203.0.113.9")).status for _ in range(3)}
        assert 429 not in before
        refused = await ask(place, path, "203.0.113.9")
        assert (refused.status, refused.header(b"retry-after")) == (429, b"20")
        assert {(await ask(place, path, "203.0.113.10")).status} <= before
        place.clock.turn(20)
        assert (await ask(place, path, "203.0.113.9")).status in before


async def test_a_machine_is_told_so_in_the_words_of_the_protocol(tmp_path: Path) -> None:
    async with installed(tmp_path, token_rate_per_minute=1) as place:
        await ask(place, "/token", "203.0.113.9")
        refused = await ask(place, "/token", "203.0.113.9")
    assert refused.header(b"content-type") == b"application/json"
    assert b'"error":"temporarily_unavailable"' in refused.body
    assert refused.header(b"access-control-allow-origin") == b"*"


@pytest.fixture
async def proxied(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path, token_rate_per_minute=2, trusted_proxies="10.0.0.0/8") as place:
        yield place


async def statuses(place: Installation, *hops: tuple[str, ...]) -> list[int]:
    return [(await ask(place, "/token", *each)).status for each in hops]


async def test_a_header_that_anyone_may_write_makes_nobody_another(proxied: Installation) -> None:
    """From a stranger it counts for nothing; behind a proxy only what the proxy added does."""
    lying = [("203.0.113.9", f"198.51.100.{number}") for number in range(4)]
    assert await statuses(proxied, *lying) == [401, 401, 429, 429]
    behind = [("10.0.0.1", f"198.51.100.{number}, 203.0.113.20") for number in range(4)]
    assert await statuses(proxied, *behind) == [401, 401, 429, 429]


async def test_those_behind_one_proxy_are_told_apart(proxied: Installation) -> None:
    many = [("10.0.0.1", f"203.0.113.{number}") for number in range(30, 60)]
    assert await statuses(proxied, *many) == [401] * 30


async def test_who_has_an_ipv6_network_has_one_address(proxied: Installation) -> None:
    """A /64 is what any home has: 2^64 addresses are not 2^64 callers."""
    own = [(f"2001:db8:7:7::{number:x}",) for number in range(4)]
    assert await statuses(proxied, *own) == [401, 401, 429, 429]
    assert await statuses(proxied, ("2001:db8:7:8::1",)) == [401]


async def set_rate(place: Installation, client_id: str, per_minute: int) -> None:
    async def work(tx: Any) -> None:
        client = await tx.clients.find(client_id)
        policy = ClientPolicy(rate_per_minute=per_minute)
        await tx.clients.update(replace(client, policy=policy))

    await place.authority.store.transact(work)


async def test_a_client_that_asks_too_often_is_told_to_wait_wherever_it_asks_from(
    own: Installation,
) -> None:
    """Its own policy says how often; others are not held to that."""
    await set_rate(own, "service", 3)
    for _ in range(3):
        await own.service_token()
    refused = await own.post("/token", "service", grant_type="client_credentials")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "20")
    refused = await own.post("/introspect", "service", token="x")
    assert refused.status_code == 429
    ended = await own.post("/revoke", "service", token="x")
    assert ended.status_code == 200, "an ending is not held up"
    assert (await own.post("/introspect", "app", token="x")).status_code == 200


async def test_a_stranger_does_not_use_up_what_a_client_may(own: Installation) -> None:
    """Whoever names it without its secret, or names a public one, counts for nothing."""
    await set_rate(own, "service", 1)
    for _ in range(10):
        body = b"grant_type=client_credentials&client_id=service&client_secret=wrong"
        answer = await send(own.app, Sent("POST", "/token", b"", [FORM], body))
        assert answer.status in {401, 429}
    await own.service_token()


async def test_a_server_that_is_full_says_so_at_once_and_still_ends_things(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with Retry-After; revocations and the health of the server are answered."""
    async with installed(tmp_path, requests_most=4) as place:
        token, go_on = await place.service_token(), asyncio.Event()
        read = place.authority.hub.catch_up

        async def slow() -> None:
            await go_on.wait()
            await read()

        monkeypatch.setattr(type(place.authority.hub), "catch_up", lambda _: slow())
        under_way = [
            asyncio.create_task(place.post("/introspect", "service", token=token)) for _ in range(4)
        ]
        for _ in range(20):
            await asyncio.sleep(0)
        for path in ("/introspect", "/token", "/sign-in"):
            async with asyncio.timeout(5):
                refused = await ask(place, path, "203.0.113.9")
            assert (refused.status, refused.header(b"retry-after")) == (503, b"5")
        live = await send(place.app, Sent("GET", "/health/live"))
        assert live.status == 200
        monkeypatch.undo()
        ended = await place.post("/revoke", "service", token=token)
        assert ended.status_code == 200
        go_on.set()
        answers = await asyncio.gather(*under_way)
        assert [each.json()["active"] for each in answers] == [False] * 4
        assert (await place.post("/introspect", "service", token=token)).status_code == 200


async def test_who_comes_while_the_database_is_held_is_answered_in_time(tmp_path: Path) -> None:
    """A few wait, and no longer than stated; the others hear at once. Nothing was done for any."""
    async with installed(tmp_path, queue_most=3, queue_seconds=1) as place:
        async with place.browser() as browser:
            tokens = await Person(place, browser).tokens()
        other = apsw.Connection(str(place.authority.settings.data / DATABASE))
        other.execute("BEGIN IMMEDIATE")
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        asking = [asyncio.create_task(place.post("/token", "app", **form)) for _ in range(30)]
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*asking)
        assert {(each.status_code, each.headers["retry-after"]) for each in answers} == {(503, "5")}
        assert other.in_transaction, "it was held all the time"
        other.execute("ROLLBACK")
        other.close()
        refreshed = await place.post("/token", "app", **form)
    assert refreshed.status_code == 200, "the token was not spent for nobody"
