"""The notices feed over HTTP: what a guard reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from counterfoil.jose.jwt import verify
from counterfoil.jose.keys import KeySet
from counterfoil.net.event_stream import Event, EventParser
from counterfoil.oauth.feed import HEAD_TYPE, SNAPSHOT_TYPE, first_digest, next_digest
from counterfoil.oauth.revocations import Ended, notice_from
from tests.installation import EMAIL, Installation, Person, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path, head_interval_ms=50) as place:
        yield place


@asynccontextmanager
async def reading(place: Installation, cursor: str = "") -> AsyncIterator[AsyncIterator[Event]]:
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
        "client": ("127.0.0.1", 1),
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
    """A carrier can neither suppress nor invent: the digests chain up (§4.9)."""
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
                if f"{head['epoch']}:{head['number']}" == last:
                    break
    assert head["digest"] == digest
    assert head["iss"] == place.issuer
    assert head["time"] == place.clock()


async def test_the_snapshot_is_signed_and_whole(place: Installation):
    """S40: what a new guard begins with."""
    await place.post("/revoke", "service", token=await place.service_token())
    async with place.browser() as anyone:
        answer = await anyone.get("/notices/snapshot")
    assert answer.headers["content-type"] == "application/jwt"
    assert answer.headers["cache-control"] == "no-cache"
    snapshot = verify(answer.text, await feed_keys(place), SNAPSHOT_TYPE).claims
    notices = snapshot["notices"]
    assert len(notices) == snapshot["number"]
    digest = first_digest(str(snapshot["epoch"]))
    for text in notices:
        digest = next_digest(digest, text.encode())
    assert digest == snapshot["digest"]


async def test_the_stream_is_not_to_be_kept_or_held_back(place: Installation):
    async with place.browser() as anyone:
        answer = await anyone.head("/notices")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_no_secret_and_no_name_of_a_person_is_told(place: Installation):
    """S110: handles mean nothing outside the token that carries them (§4.9)."""
    async with place.browser() as browser:
        person = Person(place, browser)
        tokens = await person.tokens()
        await place.post("/revoke", "app", token=tokens["refresh_token"])
    async with place.browser() as anyone:
        text = (await anyone.get("/notices/snapshot")).text
    told = str(verify(text, await feed_keys(place), SNAPSHOT_TYPE).claims)
    assert EMAIL not in told
    assert person.user_id not in told
    assert tokens["refresh_token"] not in told
