"""Families by the admin API."""

import pytest

from tests.administration import Administrator
from tests.installation import Person

pytestmark = pytest.mark.anyio


async def test_families_of_a_grant_and_of_a_session(admin: Administrator, person: Person) -> None:
    await person.tokens()
    await person.tokens()
    (grant,) = (await admin.get("/api/grants", user_id=person.user_id))["grants"]
    families = (await admin.get("/api/families", grant_id=grant["id"]))["families"]
    assert len(families) == 2
    assert {each["user_id"] for each in families} == {person.user_id}
    session_id = families[0]["session_id"]
    assert (await admin.get("/api/families", session_id=session_id))["families"] == families
    assert families[0] in (await admin.get("/api/families", limit=200))["families"]
    assert "digest" not in str(families)
    one = families[0]["id"]
    await admin.post("/api/endings", {"kind": "family", "name": one})
    ended = await admin.get(f"/api/families/{one}")
    assert ended["ended_at"] is not None
    assert ended["ended_why"]
    left = (await admin.get("/api/families", grant_id=grant["id"]))["families"]
    assert left == families[1:]
    assert await admin.refused("GET", "/api/families/none") == (404, "not_found")
