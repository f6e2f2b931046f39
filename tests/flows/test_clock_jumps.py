"""The clock is set wrong, and right again: afterwards all stands as it did."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flows.serving import until
from tests.installation import Installation, Person, installed, token_request

pytestmark = pytest.mark.anyio

YEAR = 365 * 86_400
ALIKE = pytest.mark.parametrize("leap", [YEAR, -YEAR, 3 * 3600, -3 * 3600])


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path, sweep_interval=1) as place:
        yield place


async def is_active(place: Installation, token: str) -> bool:
    answer = await place.post("/introspect", "service", token=token)
    assert answer.status_code == 200, answer.text
    return bool(answer.json()["active"])


async def refreshed(place: Installation, token: str) -> tuple[int, str]:
    """Refresh; gives the status, and the token that is good now."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    answer = await token_request(place, "app", **form)
    return answer.status_code, answer.json().get("refresh_token", token)


@ALIKE
async def test_what_was_alive_or_ended_before_is_so_after(place: Installation, leap: int):
    """No ended token comes back, no person is signed out, no code or refresh token is lost."""
    async with place.browser() as browser:
        refresh_token = (await Person(place, browser).tokens())["refresh_token"]
        alive, ended = await place.service_token(), await place.service_token()
        await place.post("/revoke", "service", token=ended)
        place.clock.turn(leap)
        head = place.authority.hub.head
        await until(lambda: place.authority.hub.head is not head)
        assert not await is_active(place, ended)
        status, refresh_token = await refreshed(place, refresh_token)
        assert status in {200, 400}
        assert (await browser.get("/account/apps")).status_code in {200, 303}
        assert (
            await place.post("/token", "service", grant_type="client_credentials")
        ).status_code == 200
        place.clock.turn(-leap)
        assert await is_active(place, alive)
        assert not await is_active(place, ended)
        assert (await refreshed(place, refresh_token))[0] == 200
        assert (await browser.get("/account/apps")).status_code == 200
        assert await is_active(place, await place.service_token())
