"""Keys by the admin API."""

import pytest

from tests.administration import Administrator

pytestmark = pytest.mark.anyio


async def test_keys_are_shown_without_their_private_halves(admin: Administrator) -> None:
    keys = (await admin.get("/api/keys"))["keys"]
    assert {each["purpose"] for each in keys} == {"tokens", "feed"}
    assert keys[0] == await admin.get(f"/api/keys/{keys[0]['kid']}")
    assert not {"sealed", "d"} & set(keys[0])
    assert await admin.refused("GET", "/api/keys/none") == (404, "not_found")
