"""The notices feed over HTTP: what a guard reads."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path

import httpx2
import msgspec
import pytest

from counterfoil.jose.jwt import verify
from counterfoil.jose.keys import KeySet
from counterfoil.net.event_stream import Event, EventParser
from counterfoil.oauth.feed import HEAD_TYPE, next_digest
from counterfoil.oauth.receipts import INTRODUCTION, Welcome
from counterfoil.oauth.revocations import Ended, Notice, notice_from
from counterfoil.oauth.snapshot import MEDIA_TYPE, SNAPSHOT_TYPE
from counterfoil.server.hub.backlog import REMEMBERED
from counterfoil.server.protocol.waiting import wait_for
from counterfoil.server.records.failures import StoreUnavailable
from tests.installation import EMAIL, Installation, Person, installed
from tests.server.endpoints.stream import Stream, streaming

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path, head_interval_ms=50) as place:
        yield place


@asynccontextmanager
async def reading(
    place: Installation, cursor: str = "", address: str = "127.0.0.1"
) -> AsyncIterator[AsyncIterator[Event]]:
    """Read the stream as an ASGI server would carry it, until the context is left."""
    chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
    gone = asyncio.Event()

    async def receive() -> dict[str, object]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.body":
            await chunks.put(message.get("body", b""))
            if not message.get("more_body"):
                await chunks.put(None)

    headers = [(b"last-event-id", cursor.encode())] if cursor else []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/notices",
        "query_string": b"",
        "headers": headers,
        "client": (address, 1),
    }
    task = asyncio.create_task(place.app(scope, receive, send))
    try:
        yield events_in(chunks)
    finally:
        gone.set()
        task.cancel()
        await asyncio.wait([task])


async def events_in(chunks: "asyncio.Queue[bytes | None]") -> AsyncIterator[Event]:
    stream = EventParser()
    while (chunk := await asyncio.wait_for(chunks.get(), 10)) is not None:
        for event in stream.feed(chunk):
            yield event


async def head_of(place: Installation) -> str:
    await place.authority.hub.catch_up()
    return str(place.authority.hub.position)


async def feed_keys(place: Installation) -> KeySet:
    async with place.browser() as anyone:
        return KeySet.from_jwks((await anyone.get("/notices/jwks.json")).json())


async def test_without_a_cursor_the_snapshot_comes_first(place: Installation):
    async with reading(place) as events:
        assert [event.name async for event in events] == ["reset"]


@pytest.mark.parametrize("cursor", ["other-epoch:0", "nonsense", "x:99999999"])
async def test_a_cursor_that_cannot_be_resumed_is_reset(place: Installation, cursor: str):
    async with reading(place, cursor) as events:
        assert [event.name async for event in events] == ["reset"]


async def test_a_cursor_ahead_of_us_is_reset(place: Installation):
    """Whoever holds more than we do comes from a history that is not ours."""
    epoch, _, number = (await head_of(place)).partition(":")
    async with reading(place, f"{epoch}:{int(number) + 1}") as events:
        assert [event.name async for event in events] == ["reset"]


async def test_an_ending_follows_at_once_and_in_order(place: Installation):
    """S40: each notice with its number; S37."""
    epoch, _, number = (await head_of(place)).partition(":")
    tokens = [await place.service_token() for _ in range(3)]
    async with reading(place, f"{epoch}:{number}") as events:
        for token in tokens:
            await place.post("/revoke", "service", token=token)
        seen: list[Event] = []
        async for event in events:
            if event.name == "notice":
                seen.append(event)
            if len(seen) == 3:
                break
    assert [event.last_id for event in seen] == [f"{epoch}:{int(number) + n}" for n in (1, 2, 3)]
    assert {notice_from(event.data).kind for event in seen} == {Ended.TOKEN}


async def test_a_broken_line_is_resumed_without_a_gap(place: Installation):
    """S40: from Last-Event-ID on, nothing twice and nothing missing."""
    cursor = await head_of(place)
    for _ in range(5):
        await place.post("/revoke", "service", token=await place.service_token())
    seen: list[str] = []
    for _ in range(5):
        async with reading(place, cursor) as events:
            async for event in events:
                if event.name == "notice":
                    cursor = event.last_id
                    seen.append(event.last_id)
                    break
    assert seen == sorted(set(seen), key=lambda at: int(at.partition(":")[2]))
    assert len(seen) == 5


async def test_the_head_is_signed_and_vouches_for_the_chain(place: Installation):
    """A carrier can neither suppress nor invent: the digests chain up."""
    cursor = await head_of(place)
    digest = place.authority.hub.digest
    await place.post("/revoke", "service", token=await place.service_token())
    place.clock.turn(1)
    async with reading(place, cursor) as events:
        async for event in events:
            if event.name == "notice":
                digest = next_digest(digest, event.data.encode())
                last = event.last_id
            elif event.name == "head":
                head = verify(event.data, await feed_keys(place), HEAD_TYPE).claims
                if (f"{head['epoch']}:{head['number']}", head["time"]) == (last, place.clock()):
                    break
    assert head["digest"] == digest
    assert head["iss"] == place.issuer


async def test_the_snapshot_is_signed_and_whole(place: Installation):
    """S40: what a new guard begins with."""
    await place.post("/revoke", "service", token=await place.service_token())
    async with place.browser() as anyone:
        answer = await anyone.get("/notices/snapshot")
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["cache-control"] == "public, max-age=5"
    assert int(answer.headers["content-length"]) == len(answer.content)
    signed, _, pages = answer.text.partition("\n")
    snapshot = verify(signed, await feed_keys(place), SNAPSHOT_TYPE).claims
    assert snapshot["number"] == place.authority.hub.position.number
    assert snapshot["digest"] == place.authority.hub.digest
    assert snapshot["sha256"] == sha256(pages.encode()).hexdigest()
    assert snapshot["size"] == len(pages)
    assert pages.startswith('{"tokens":[["')


async def test_a_cache_may_ask_whether_the_snapshot_is_still_the_same(place: Installation):
    async with place.browser() as anyone:
        first = await anyone.get("/notices/snapshot")
        known = {"if-none-match": first.headers["etag"]}
        assert (await anyone.get("/notices/snapshot", headers=known)).status_code == 304
        place.clock.turn(1)
        again = await anyone.get("/notices/snapshot", headers=known)
        assert again.status_code == 200
        assert again.headers["etag"] != first.headers["etag"]
        head = await anyone.head("/notices/snapshot")
        assert (head.status_code, head.content) == (200, b"")
    assert len(place.authority.hub.followers) == 0


async def test_whoever_was_away_resumes_without_a_snapshot(place: Installation):
    """S93: far more than memory holds comes from the store, in order."""
    cursor = await head_of(place)
    count = REMEMBERED + 700
    notices = [Notice(Ended.TOKEN, f"t{number}", 10**10) for number in range(count)]
    await place.authority.store.transact(lambda tx: tx.notices.append(notices))
    names: list[str] = []
    async with reading(place, cursor) as events:
        async for event in events:
            if event.name == "notice":
                names.append(notice_from(event.data).name)
            if len(names) == count:
                break
            assert event.name in ("notice", "head")
    assert names == [notice.name for notice in notices]


async def test_no_head_speaks_of_notices_that_have_not_come(place: Installation):
    """A guard that is catching up would take it for a gap, and connect again."""
    cursor = await head_of(place)
    notices = [Notice(Ended.TOKEN, f"t{number}", 10**10) for number in range(REMEMBERED + 500)]
    await place.authority.store.transact(lambda tx: tx.notices.append(notices))
    held = begun = int(cursor.partition(":")[2])
    async with reading(place, cursor) as events:
        async for event in events:
            if event.name == "notice":
                held += 1
                continue
            head = verify(event.data, await feed_keys(place), HEAD_TYPE).claims
            assert head["number"] <= held
            if head["number"] == begun + len(notices):
                break


async def test_many_of_one_address_leave_places_for_others(tmp_path: Path):
    """S93: an address that takes all it can takes nothing from anyone else."""
    async with installed(tmp_path, head_interval_ms=50, followers_per_address=2) as place:
        cursor = await head_of(place)
        async with AsyncExitStack() as open_streams:
            for _ in range(2):
                events = await open_streams.enter_async_context(reading(place, cursor))
                assert (await anext(events)).name == "head"
            async with place.browser() as browser:
                for path in ("/notices", "/notices/snapshot"):
                    refused = await browser.get(path)
                    assert refused.status_code == 429
                    assert refused.headers["retry-after"] == "5"
            for other in ("192.0.2.7", "2001:db8::1"):
                events = await open_streams.enter_async_context(reading(place, cursor, other))
                assert (await anext(events)).name == "head"
        assert len(place.authority.hub.followers) == 0


async def test_a_whole_network_of_ipv6_counts_as_one_address(tmp_path: Path):
    async with installed(tmp_path, head_interval_ms=50, followers_per_address=1) as place:
        cursor = await head_of(place)
        async with (
            reading(place, cursor, "2001:db8::1") as one,
            reading(place, cursor, "2001:db8::2") as another,
        ):
            assert (await anext(one)).name == "head"
            assert [event async for event in another] == []


async def test_addresses_behind_a_proxy_are_told_apart(tmp_path: Path):
    options = {"followers_per_address": 1, "trusted_proxies": ("127.0.0.1",)}
    async with installed(tmp_path, head_interval_ms=50, **options) as place:
        hub, cursor = place.authority.hub, await head_of(place)
        async with reading(place, cursor) as events, place.browser() as browser:
            assert (await anext(events)).name == "head"
            assert (await browser.get("/notices")).status_code == 429
            forwarded = {"x-forwarded-for": "192.0.2.9"}
            assert (await browser.get("/notices", headers=forwarded)).status_code == 200
        assert len(hub.followers) == 0


async def test_so_many_may_follow_and_no_more(tmp_path: Path):
    async with (
        installed(tmp_path, head_interval_ms=50, followers_most=1) as place,
        reading(place, await head_of(place)) as events,
        place.browser() as browser,
    ):
        assert (await anext(events)).name == "head"
        refused = await browser.get("/notices")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


async def test_a_stream_whose_store_fails_ends_and_is_not_reset(place: Installation):
    """The follower connects again and goes on where it was; a snapshot would not help."""
    hub, cursor = place.authority.hub, await head_of(place)
    notices = [Notice(Ended.TOKEN, f"t{number}", 10**10) for number in range(REMEMBERED + 1)]
    await place.authority.store.transact(lambda tx: tx.notices.append(notices))
    await hub.catch_up()

    class Broken:
        async def read(self, _: object) -> None:
            raise StoreUnavailable("the disk is gone")

    hub.backlog._store = Broken()
    async with reading(place, cursor) as events:
        assert [event async for event in events] == []


async def test_the_stream_is_not_to_be_kept_or_held_back(place: Installation):
    async with place.browser() as anyone:
        answer = await anyone.head("/notices")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_no_secret_and_no_name_of_a_person_is_told(place: Installation):
    """S110: handles mean nothing outside the token that carries them."""
    async with place.browser() as browser:
        person = Person(place, browser)
        tokens = await person.tokens()
        await place.post("/revoke", "app", token=tokens["refresh_token"])
    async with place.browser() as anyone:
        told = (await anyone.get("/notices/snapshot")).text
    assert '"families"' in told
    assert EMAIL not in told
    assert person.user_id not in told
    assert tokens["refresh_token"] not in told


GUARD = {INTRODUCTION.lower(): 'reject;tolerance=30;name="0123456789abcdef"'}


def acknowledgement(line: str, position: object) -> dict[str, str]:
    return {"follower": line, "position": str(position)}


async def acknowledge(place: Installation, body: object) -> httpx2.Response:
    async with place.browser() as guard:
        return await guard.post("/notices/acknowledgements", json=body)


async def welcomed(stream: Stream) -> Welcome:
    event = await stream.next()
    assert event is not None
    assert event.name == "welcome"
    return msgspec.json.decode(event.data, type=Welcome)


async def test_a_guard_is_welcomed_asked_and_believed(place: Installation):
    """While somebody waits: the question comes with the notice and with a head that proves it."""
    store, cursor = place.authority.store, await head_of(place)
    async with streaming(place, "/notices", **GUARD, **{"last-event-id": cursor}) as stream:
        line = (await welcomed(stream)).follower
        await place.post("/revoke", "service", token=await place.service_token())
        reached = place.authority.hub.position
        waiting = asyncio.create_task(wait_for(store, reached, 60))
        asked = await stream.next_named("acknowledge")
        assert asked is not None
        assert asked.data == str(reached)
        answer = await acknowledge(place, acknowledgement(line, reached))
        assert (answer.status_code, answer.content) == (204, b"")
        standing = await asyncio.wait_for(waiting, 10)
        assert (standing.reached, standing.anonymous, standing.known) == (True, 1, 0)


async def test_credentials_give_a_guard_a_name(place: Installation):
    for secret, known_as in ((place.secrets["service"], "service"), ("wrong", "")):
        basic = b64encode(f"service:{secret}".encode()).decode()
        headers = {**GUARD, "authorization": f"Basic {basic}"}
        async with streaming(place, "/notices", **headers) as stream:
            assert (await welcomed(stream)).known_as == known_as


async def test_whoever_does_not_say_that_it_is_a_guard_is_left_alone(place: Installation):
    cursor = await head_of(place)
    async with reading(place, cursor) as events:
        assert (await anext(events)).name == "head"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"follower": "x"},
        acknowledgement("never.named.here", "{head}"),
        acknowledgement("", "{head}"),
        acknowledgement("é" * 50, "{head}"),
        acknowledgement("x", "soon"),
        acknowledgement("x", "another:1"),
        acknowledgement("x", "{ahead}"),
        acknowledgement("x" * 301, "{head}"),
        {**acknowledgement("x", "{head}"), "more": 1},
    ],
)
async def test_what_is_no_acknowledgement_is_refused(place: Installation, body: object):
    head = await head_of(place)
    epoch, _, number = head.partition(":")
    text = json.dumps(body).replace("{head}", head).replace("{ahead}", f"{epoch}:{int(number) + 1}")
    answer = await acknowledge(place, json.loads(text))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["error_description"]


async def test_a_revocation_answers_with_its_receipt(place: Installation):
    """RFC 7009 §2.2: whatever there was to end, 200."""
    token = await place.service_token()
    before = place.authority.hub.position.number
    for given in (token, token, "nothing of ours"):
        answer = await place.post("/revoke", "service", token=given)
        assert answer.headers["counterfoil-notice"] == str(place.authority.hub.position)
        assert place.authority.hub.position.number == before + 1
