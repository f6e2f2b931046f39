"""Token, introspection and revocation over HTTP: bounds on failures, and who is told what."""

from pathlib import Path

import pytest

from tests.installation import Installation, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path, token_failures_per_minute=3) as place:
        yield place


async def fail(place: Installation, path: str = "/token") -> int:
    async with place.browser() as anyone:
        form = {"grant_type": "client_credentials", "token": "x"}
        return (await anyone.post(path, data=form, auth=("service", "wrong"))).status_code


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
async def test_guessing_secrets_is_slowed_down(place: Installation, path: str):
    """S104: after some failures an address has to wait; then it may try again."""
    assert [await fail(place, path) for _ in range(4)] == [401, 401, 401, 503]
    answer = await place.post("/token", "service", grant_type="client_credentials")
    assert answer.json()["error"] == "temporarily_unavailable"
    place.clock.turn(60)
    assert await fail(place, path) == 401


async def test_other_errors_are_no_guesses(place: Installation):
    for _ in range(10):
        answer = await place.post("/token", "service", grant_type="nonsense")
        assert answer.status_code == 400
    await place.service_token()


async def test_success_is_not_throttled(place: Installation):
    for _ in range(10):
        await place.service_token()


async def test_a_revocation_is_answered_with_an_empty_object(place: Installation):
    """RFC 7009 §2.2."""
    answer = await place.post("/revoke", "service", token=await place.service_token())
    assert answer.json() == {}
    assert answer.headers["cache-control"] == "no-store"
