"""Providers by the admin API: whoever adds one decides who anybody is."""

from typing import Any

import pytest

from tests.administration import Administrator, administrator
from tests.installation import Installation

pytestmark = pytest.mark.anyio
NEW: dict[str, Any] = {"preset": "google", "client_id": "us", "client_secret": "a secret there"}


async def test_a_provider_is_added_changed_disabled_and_removed(admin: Administrator) -> None:
    """S112."""
    added = await admin.post("/api/providers", NEW | {"policy": {"trusts_email": True}}, 201)
    assert added["policy"]["trusts_email"] is True
    assert await admin.refused("POST", "/api/providers", json=NEW) == (409, "conflict")
    path = "/api/providers/google"
    changed = (await admin.ask("PATCH", path, json={"disabled": True, "name": "G"})).json()
    assert (changed["name"], changed["disabled_at"] is None) == ("G", False)
    again = (await admin.ask("PATCH", path, json={"disabled": False})).json()
    assert again["disabled_at"] is None
    assert (await admin.get("/api/providers"))["providers"] == [again]
    assert "a secret there" not in str([added, changed, again])
    assert await admin.post(f"{path}/remove") == again
    assert await admin.refused("GET", path) == (404, "not_found")
    assert await admin.refused("POST", f"{path}/remove", json={}) == (404, "not_found")
    assert await admin.refused("PATCH", path, json={}) == (404, "not_found")


async def test_what_cannot_be_so_is_said(admin: Administrator) -> None:
    for wrong in (
        NEW | {"preset": "yahoo"},
        NEW | {"policy": {"trusts_email": "true"}},
        NEW | {"policy": {"more": True}},
        NEW | {"more": 1},
    ):
        refused = await admin.refused("POST", "/api/providers", json=wrong)
        assert refused == (400, "invalid_request")


@pytest.mark.parametrize("method", ["POST", "PATCH", "remove"])
async def test_registering_apps_is_not_deciding_who_anybody_is(
    place: Installation, admin: Administrator, method: str
) -> None:
    """A provider of the attacker's own, trusted for addresses, would sign them in as anybody."""
    weak = await administrator(place, "counterfoil:write", "counterfoil:read")
    await admin.post("/api/providers", NEW | {"id": method.lower()}, 201)
    path = f"/api/providers/{method.lower()}"
    refused = {
        "POST": weak.refused("POST", "/api/providers", json=NEW),
        "PATCH": weak.refused("PATCH", path, json={"policy": {"trusts_email": True}}),
        "remove": weak.refused("POST", f"{path}/remove", json={}),
    }
    for name, asking in refused.items():
        if name == method:
            assert await asking == (403, "insufficient_scope")
        else:
            asking.close()
    await admin.post(f"{path}/remove")
