"""Status lists over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from counterfoil.jose.jwt import unverified_claims
from tests.installation import NOTES, Installation, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path, status_list_ttl=20) as place:
        await place.set_policy(NOTES, status_list=True)
        yield place


async def path_of_list(place: Installation) -> str:
    claims = unverified_claims(await place.service_token())
    return urlsplit(claims["status"]["status_list"]["uri"]).path


async def test_anyone_gets_it_and_may_keep_it_for_a_while(place: Installation):
    path = await path_of_list(place)
    async with place.browser() as anyone:
        answer = await anyone.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/statuslist+jwt"
    assert answer.headers["cache-control"] == "public, max-age=20"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert unverified_claims(answer.text)["ttl"] == 20


async def test_what_is_not_there_is_not_found(place: Installation):
    async with place.browser() as anyone:
        answer = await anyone.get("/status-lists/never")
        assert answer.status_code == 404
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"


async def test_lists_of_the_past_are_not_kept(place: Installation):
    """§8.4: the parameter ``time`` is answered with 501 where it is not supported."""
    async with place.browser() as anyone:
        answer = await anyone.get(await path_of_list(place), params={"time": "1686925000"})
    assert answer.status_code == 501


async def test_the_aggregation_names_every_list(place: Installation):
    """§9.3."""
    path = await path_of_list(place)
    async with place.browser() as anyone:
        metadata = (await anyone.get("/.well-known/oauth-authorization-server")).json()
        answer = await anyone.get(metadata["status_list_aggregation_endpoint"])
    assert answer.json() == {"status_lists": [f"{place.issuer}{path}"]}
    assert answer.headers["cache-control"] == "public, max-age=20"
