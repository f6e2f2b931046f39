"""The registry's feed over HTTP: what a guard of an API with a registry reads."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.net.event_stream import Event
from counterfoil.oauth.registry import Entry, digest_of, entries_in
from counterfoil.server.protocol import registration, registry_feed, revocation
from counterfoil.server.protocol.events import CLI
from tests.installation import MAIL, NOTES, Installation, installed
from tests.server.endpoints.stream import Stream, basic, streaming

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        await place.set_policy(NOTES, registry=True)
        await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
        await place.add_client("courier", scopes=frozenset({"mail:read"}))
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


def following(
    place: Installation, audience: str = NOTES, client_id: str = "guard", **headers: str
) -> AbstractAsyncContextManager[Stream]:
    given = {"authorization": basic(client_id, place.secrets[client_id])} | headers
    return streaming(place, "/registry", urlencode({"audience": audience}), **given)


async def tokens_in(stream: Stream) -> list[Entry]:
    event = await stream.next_named("tokens")
    assert event is not None
    return entries_in(event.data)


async def test_a_guard_learns_of_every_token_that_is_issued(place: Installation):
    """S43: those before it came, and those after."""
    first = await place.service_token()
    async with following(place) as stream:
        known = await tokens_in(stream)
        assert known == [Entry(digest_of(first), unverified_claims(first)["exp"])]
        for _ in range(3):
            token = await place.service_token()
            assert [each.digest for each in await tokens_in(stream)] == [digest_of(token)]
    assert place.server.registry_feed.followers == 0


async def test_it_goes_on_where_it_was_left(place: Installation):
    await place.service_token()
    async with following(place) as stream:
        event = await stream.next_named("tokens")
    assert event is not None
    token = await place.service_token()
    async with following(place, last_event_id=event.last_id) as stream:
        assert [each.digest for each in await tokens_in(stream)] == [digest_of(token)]


@pytest.mark.parametrize("cursor", ["other:7", "nonsense", "", "x:-1"])
async def test_from_a_cursor_of_elsewhere_it_begins_anew(place: Installation, cursor: str):
    """After a restore the numbers mean other tokens."""
    token = await place.service_token()
    async with following(place, last_event_id=cursor) as stream:
        assert [each.digest for each in await tokens_in(stream)] == [digest_of(token)]


async def test_many_come_in_pages(place: Installation, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry_feed, "_PAGE", 2)
    tokens = [await place.service_token() for _ in range(5)]
    async with following(place) as stream:
        pages = [await tokens_in(stream) for _ in range(3)]
    assert [len(page) for page in pages] == [2, 2, 1]
    digests = [each.digest for page in pages for each in page]
    assert digests == [digest_of(token) for token in tokens]


async def test_the_line_is_heard_before_there_is_anything_to_tell(place: Installation):
    async with following(place) as stream:
        assert await stream.next() == Event("beat", "{}")


async def test_a_token_of_another_api_is_not_told(place: Installation):
    await place.set_policy(MAIL, registry=True)
    await place.service_token("courier")
    token = await place.service_token()
    async with following(place) as stream:
        assert [each.digest for each in await tokens_in(stream)] == [digest_of(token)]


async def test_whoever_may_know_no_more_is_told_no_more(place: Installation):
    """The stream ends at the next look, and not when its connection does."""
    async with following(place) as stream:
        await stream.next()
        await place.authority.store.transact(lambda tx: revocation.disable_client(tx, "guard", CLI))
        await place.service_token()
        assert await stream.next_named("tokens") is None


async def test_a_replaced_secret_ends_the_stream(place: Installation):
    async with following(place) as stream:
        await stream.next()
        await place.authority.store.transact(
            lambda tx: registration.rotate_secret(tx, "guard", 0, CLI)
        )
        assert await stream.next_named("tokens") is None


async def test_it_ends_when_the_server_does(place: Installation):
    async with following(place) as stream:
        await stream.next()
        place.app.end_streams()
        assert await stream.next_named("tokens") is None


async def test_there_are_only_so_many_followers(place: Installation):
    place.server.registry_feed.followers = place.authority.settings.followers_most
    async with following(place) as stream:
        assert await stream.next() is None
        assert stream.status == 503
