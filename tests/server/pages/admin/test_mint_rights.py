"""For whom a client may mint, on its page."""

import html

import pytest

from tests.installation import NOTES, Installation, Person
from tests.minting import add_minter, give_right, minted, whom

pytestmark = pytest.mark.anyio


async def test_whom_and_what_and_for_how_many(place: Installation, boss: Person, person: Person):
    """S58."""
    await add_minter(place)
    before = (await boss.browser.get("/admin/clients/minter")).text
    assert "May mint for people" not in before
    right = await give_right(place, person.user_id, longest=77)
    await minted(place, subject=whom(person.user_id))
    page = html.unescape((await boss.browser.get("/admin/clients/minter")).text)
    told = ("May mint for people", right.id, person.user_id, f"{NOTES}: notes:read", "77 seconds")
    for each in (*told, "People so far"):
        assert each in page
    await give_right(place)
    assert "anybody" in (await boss.browser.get("/admin/clients/minter")).text
