"""Grants by the admin API."""

import pytest

from tests.administration import Administrator
from tests.installation import NOTES, Person

pytestmark = pytest.mark.anyio


async def test_grants_of_a_person_and_of_a_client(admin: Administrator, person: Person) -> None:
    await person.tokens()
    (grant,) = (await admin.get("/api/grants", user_id=person.user_id))["grants"]
    assert (grant["email"], grant["client_name"]) == (person.email, "App")
    assert grant["apis"] == {NOTES: ["notes:read"]}
    assert grant["families"] == 1
    assert grant["ended_at"] is None
    of_client = await admin.get("/api/grants", client_id="app", limit=200)
    assert grant in of_client["grants"]
    assert grant in (await admin.get("/api/grants", limit=200))["grants"]
    assert grant == await admin.get(f"/api/grants/{grant['id']}")
    assert (await admin.get("/api/grants", user_id="nobody"))["grants"] == []
    assert await admin.refused("GET", "/api/grants/none") == (404, "not_found")
