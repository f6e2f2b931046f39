"""The first admin page."""

import pytest

from counterfoil.server.pages.admin.visit import ROOMS
from tests.installation import Person

pytestmark = pytest.mark.anyio


async def test_it_leads_to_every_room(boss: Person) -> None:
    page = await boss.browser.get("/admin/")
    for room, title in ROOMS:
        assert f'href="/admin/{room}"' in page.text
        assert title in page.text
        assert (await boss.browser.get(f"/admin/{room}")).status_code == 200
