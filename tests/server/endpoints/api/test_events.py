"""Events by the admin API."""

import pytest

from tests.administration import Administrator

pytestmark = pytest.mark.anyio


async def test_events_are_read_back_to_the_first(admin: Administrator) -> None:
    """Each once, newest first, whatever is appended meanwhile."""
    page = await admin.get("/api/events", limit=3)
    numbers = [each["number"] for each in page["events"]]
    while page["next"] is not None:
        await admin.post("/api/clients", {"client_name": "X", "scope": "notes:read"}, 201)
        page = await admin.get("/api/events", limit=3, cursor=page["next"])
        numbers += [each["number"] for each in page["events"]]
    assert numbers == list(range(numbers[0], 0, -1))
