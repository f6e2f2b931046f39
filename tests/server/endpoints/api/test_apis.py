"""APIs by the admin API."""

import pytest

from counterfoil.server.protocol.own_api import own_api_uri
from tests.administration import Administrator
from tests.installation import NOTES, Installation

pytestmark = pytest.mark.anyio
URI = "https://tasks.example/v1"


async def test_an_api_is_registered_shown_and_changed(admin: Administrator) -> None:
    asked = {"uri": URI, "name": "Tasks", "scopes": {"tasks:read": "Read"}, "token_lifetime": 120}
    made = await admin.post("/api/apis", asked, 201)
    assert made == await admin.get("/api/apis/named", uri=URI)
    change = {"token_lifetime": None, "policy": {"registry": True}}
    changed = (await admin.ask("PATCH", "/api/apis/named", params={"uri": URI}, json=change)).json()
    assert changed["token_lifetime"] is None
    assert changed["policy"]["registry"] is True
    assert changed["scopes"] == made["scopes"], "what is left out stays"
    assert await admin.refused("POST", "/api/apis", json=asked) == (409, "conflict")


async def test_an_api_that_asks_for_ml_dsa_has_its_key_at_once(admin: Administrator) -> None:
    """RFC 9964; and a size budget that fits it."""
    uri = "https://vault.example"
    policy = {"signing_algorithm": "ML-DSA-65", "token_bytes": 6000, "over_budget": "warn"}
    asked = {"uri": uri, "name": "Vault", "scopes": {"vault:open": "Open"}, "policy": policy}
    made = await admin.post("/api/apis", asked, 201)
    assert made["policy"].items() >= policy.items()
    assert await _post_quantum_keys(admin) == ["active"]
    taken_back = {"policy": {"signing_algorithm": None}}
    await admin.ask("PATCH", "/api/apis/named", params={"uri": uri}, json=taken_back)
    assert await _post_quantum_keys(admin) == ["retired"]


async def _post_quantum_keys(admin: Administrator) -> list[str]:
    every = (await admin.get("/api/keys"))["keys"]
    return [key["state"] for key in every if key["purpose"] == "tokens_post_quantum"]


async def test_apis_are_listed_in_parts(place: Installation, admin: Administrator) -> None:
    first = await admin.get("/api/apis", limit=1)
    rest = await admin.get("/api/apis", limit=200, cursor=first["next"])
    found = {each["uri"] for each in (*first["apis"], *rest["apis"])}
    assert {NOTES, own_api_uri(place.issuer)} <= found
    assert rest["next"] is None


async def test_what_is_not_there_is_not_found(admin: Administrator) -> None:
    assert await admin.refused("GET", "/api/apis/named", params={"uri": "https://no.example"}) == (
        404,
        "not_found",
    )
    assert await admin.refused("GET", "/api/apis/named") == (400, "invalid_request")


async def test_the_servers_own_api_keeps_its_scopes(
    place: Installation, admin: Administrator
) -> None:
    own = {"uri": own_api_uri(place.issuer)}
    for change in ({"scopes": {"x": "X"}}, {"policy": {"token_format": "reference"}}):
        refused = await admin.refused("PATCH", "/api/apis/named", params=own, json=change)
        assert refused == (400, "invalid_request")
    answer = await admin.ask("PATCH", "/api/apis/named", params=own, json={"token_lifetime": 300})
    assert answer.status_code == 200
    assert (await admin.get("/api/apis/named", **own))["token_lifetime"] == 300
