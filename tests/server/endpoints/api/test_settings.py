"""The settings by the admin API."""

import pytest

from counterfoil.server.settings import describe
from tests.administration import Administrator
from tests.installation import Installation

pytestmark = pytest.mark.anyio


async def test_every_setting_is_told(place: Installation, admin: Administrator) -> None:
    told = (await admin.get("/api/settings"))["settings"]
    assert told == describe(place.authority.settings)
