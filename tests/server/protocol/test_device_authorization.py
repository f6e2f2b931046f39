"""A device begins: what is kept, under which codes, and for how long (RFC 8628 §3.2)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from counterfoil.oauth.opaque import fingerprint
from counterfoil.oauth.user_code import read
from counterfoil.server.protocol.device_authorization import digest_of
from tests.devices import Device, add_device_clients
from tests.installation import NOTES, Installation, installed

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    settings = {"device_code_lifetime": 120, "device_poll_interval": 7}
    data = tmp_path_factory.mktemp("data")
    async with installed(data, device_rate_per_minute=0, **settings) as place:
        await add_device_clients(place)
        yield place


async def test_it_lives_as_the_settings_say(place: Installation) -> None:
    told = (await Device(place).begin()).told
    assert (told["expires_in"], told["interval"]) == (120, 7)


async def test_what_is_asked_is_kept_with_where_it_came_from(place: Installation) -> None:
    jkt = "x" * 43
    device = Device(place, **{"user-agent": "a television"})
    await device.begin(scope="openid notes:read", resource=NOTES, dpop_jkt=jkt)
    digest = digest_of(place.authority, read(device.user_code) or "")
    found = await place.authority.store.read(
        lambda tx: tx.device_requests.find_by_user_code(digest)
    )
    assert found is not None
    assert found.digest == fingerprint(device.told["device_code"])
    assert (found.client_id, found.dpop_jkt, found.poll_interval) == ("tv", jkt, 7)
    assert found.access.apis == {NOTES: frozenset({"notes:read"})}
    assert found.access.openid == {"openid"}
    assert found.origin.user_agent == "a television"
    assert found.expires_at - found.created_at == 120


async def test_no_two_codes_are_the_same(place: Installation) -> None:
    told = [(await Device(place).begin()).told for _ in range(20)]
    assert len({each["user_code"] for each in told}) == 20
    assert len({each["device_code"] for each in told}) == 20


async def test_a_secret_that_is_used_here_is_noted(place: Installation) -> None:
    """S111: when each secret was last used."""
    place.clock.turn(60)
    await Device(place, "box").begin()
    await place.authority.activity.flush(place.authority.store)
    (secret,) = await place.authority.store.read(lambda tx: tx.clients.secrets_of("box"))
    assert secret.last_used_at == int(place.clock())


async def test_a_wrong_secret_begins_nothing(place: Installation) -> None:
    async with place.browser() as client:
        form = {"scope": "openid"}
        answer = await client.post("/device_authorization", data=form, auth=("box", "wrong"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_client_comes_as_often_as_its_policy_says(tmp_path: Path) -> None:
    """One that has proved who it is; a public one anybody can name."""
    async with installed(tmp_path, client_rate_per_minute=2) as place:
        await add_device_clients(place)
        asked = [(await Device(place, "box").ask()).status_code for _ in range(3)]
        assert asked == [200, 200, 429]
        asked = [(await Device(place, "tv").ask()).status_code for _ in range(3)]
        assert asked == [200, 200, 200]
