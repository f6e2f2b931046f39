"""Personal tokens by the admin API (S11)."""

import pytest

from tests.administration import Administrator
from tests.installation import NOTES, Installation
from tests.server.protocol.test_personal_tokens import make

pytestmark = pytest.mark.anyio


async def test_those_of_a_person_are_listed_and_ended(
    place: Installation, admin: Administrator
) -> None:
    await place.set_policy(NOTES, personal_tokens=True)
    made = await make(place, networks=("192.0.2.0/24",))
    path = f"/api/users/{made.token.user_id}/personal-tokens"
    page = await admin.get(path)
    found = next(each for each in page["personal_tokens"] if each["id"] == made.token.id)
    assert (found["name"], found["scope"], found["networks"]) == (
        "Backup",
        "notes:read",
        ["192.0.2.0/24"],
    )
    assert made.secret.reveal() not in str(page)
    assert made.token.digest.hex() not in str(page)
    body = {"kind": "personal_token", "name": made.token.id}
    assert (await admin.post("/api/endings", body))["ended"] is True
    page = await admin.get(path)
    found = next(each for each in page["personal_tokens"] if each["id"] == made.token.id)
    assert found["ended_why"] == "ended"
    assert await admin.refused("GET", "/api/users/nobody/personal-tokens") == (404, "not_found")
