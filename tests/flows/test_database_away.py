"""The database goes away and comes back: answers meanwhile say so, and none is wrong after."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.flows.serving import until
from tests.installation import Installation, Person, installed, token_request
from tests.postgres import Postgres, running

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.postgres,
    pytest.mark.one_engine("about a PostgreSQL of its own"),
]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> Iterator[Postgres]:
    with running(durable=True) as started:
        yield started


@pytest.fixture
async def place(server: Postgres, tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path, database=server.url(server.create())) as place:
        yield place


async def answers(place: Installation, token: str) -> list[int]:
    """What some requests are answered: two that write, two that read."""
    refreshed = await token_request(
        place, "app", grant_type="refresh_token", refresh_token=place.secrets["refresh"]
    )
    if refreshed.status_code == 200:
        place.secrets["refresh"] = refreshed.json()["refresh_token"]
    issued = await place.post("/token", "service", grant_type="client_credentials")
    asked = await place.post("/introspect", "service", token=token)
    revoked = await place.post("/revoke", "service", token="cfat_nothing")
    return [each.status_code for each in (refreshed, issued, asked, revoked)]


async def test_it_is_answered_that_it_is_away_and_all_goes_on_when_it_is_back(
    place: Installation, server: Postgres
):
    """S92: nothing is answered from memory that only the database knows."""
    async with place.browser() as browser:
        place.secrets["refresh"] = (await Person(place, browser).tokens())["refresh_token"]
    token = await place.service_token()
    assert await answers(place, token) == [200] * 4
    for _ in range(2):
        server.stop()
        assert await answers(place, token) == [503] * 4
        server.start()
        assert await answers(place, token) == [200] * 4


async def test_what_was_refused_meanwhile_was_not_done(place: Installation, server: Postgres):
    """A refresh token whose use was answered with 503 is as good as it was."""
    async with place.browser() as browser:
        token = (await Person(place, browser).tokens())["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    server.stop()
    refused = await token_request(place, "app", **form)
    assert refused.status_code == 503
    server.start()
    assert (await token_request(place, "app", **form)).status_code == 200


async def test_the_heads_go_on(place: Installation, server: Postgres):
    """While it was away none was signed; guards knew that they were stale."""
    hub = place.authority.hub
    server.stop()
    server.start()
    before = hub.head
    await until(lambda: hub.head is not before)
