"""Sessions by the admin API."""

import pytest

from tests.administration import Administrator
from tests.installation import Person

pytestmark = pytest.mark.anyio


async def test_sessions_of_a_person(admin: Administrator, person: Person, visitor: Person) -> None:
    await person.tokens()
    await visitor.tokens()
    both = (await admin.get("/api/sessions", user_id=person.user_id))["sessions"]
    assert len(both) == 2
    assert {each["email"] for each in both} == {person.email}
    first = await admin.get("/api/sessions", user_id=person.user_id, limit=1)
    rest = await admin.get("/api/sessions", user_id=person.user_id, cursor=first["next"])
    assert [*first["sessions"], *rest["sessions"]] == both
    assert both[0] == await admin.get(f"/api/sessions/{both[0]['id']}")
    assert both[0] in (await admin.get("/api/sessions", limit=200))["sessions"]
    assert await admin.refused("GET", "/api/sessions/none") == (404, "not_found")


async def test_nothing_of_the_cookie_is_told(admin: Administrator, person: Person) -> None:
    await person.tokens()
    page = await admin.get("/api/sessions", user_id=person.user_id)
    assert "digest" not in str(page)
