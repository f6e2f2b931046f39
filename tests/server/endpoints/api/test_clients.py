"""Clients by the admin API."""

import pytest

from counterfoil.oauth.delegation import GRANT_TYPE
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.policy import ClientPolicy
from tests.administration import Administrator
from tests.client_keys import assertion, key, token
from tests.installation import CALLBACK, MAIL, NOTES, Installation

pytestmark = pytest.mark.anyio


async def test_a_client_is_registered_shown_changed_and_used(
    place: Installation, admin: Administrator
) -> None:
    """RFC 7591 §2: its names are those of the specification; its secret is shown once."""
    asked = {"client_name": "Robot", "scope": "notes:read", "policy": {"access_token_lifetime": 60}}
    made = await admin.post("/api/clients", asked, 201)
    secret = made.pop("client_secret")
    assert is_spelled(Kind.CLIENT_SECRET, secret)
    assert made["grant_types"] == ["client_credentials"]
    assert made["policy"]["access_token_lifetime"] == 60
    place.secrets[made["client_id"]] = secret
    await place.service_token(made["client_id"])
    path = f"/api/clients/{made['client_id']}"
    shown = await admin.get(path)
    assert secret not in str(shown)
    assert len(shown["secrets"]) == 1
    change = {"client_name": "Robot 2", "policy": {"access_token_lifetime": None}}
    changed = (await admin.ask("PATCH", path, json=change)).json()
    assert changed["client_name"] == "Robot 2"
    assert changed["scope"] == "notes:read", "what is left out stays"
    assert changed["policy"]["access_token_lifetime"] is None


async def test_a_right_to_exchange_is_given_and_taken_back(
    place: Installation, admin: Administrator
) -> None:
    """RFC 8693: whose tokens it exchanges for which; a wrong one is named."""
    await place.add_api(MAIL, "Mail", {"mail:send": "Send mail"})
    right = {"from": NOTES, "to": MAIL, "scope": "mail:send"}
    asked = {"client_name": "Notes", "grant_types": [GRANT_TYPE], "exchange_rights": [right]}
    made = await admin.post("/api/clients", asked, 201)
    path = f"/api/clients/{made['client_id']}"
    assert (await admin.get(path))["exchange_rights"] == [right]
    wrong = {"exchange_rights": [right | {"scope": "notes:read"}]}
    assert (await admin.ask("PATCH", path, json=wrong)).json()["error"] == "invalid_scope"
    changed = await admin.ask("PATCH", path, json={"exchange_rights": []})
    assert changed.json()["exchange_rights"] == []


DECISIONS = {
    "access_token_lifetime": 60,
    "refresh_rotation": False,
    "refresh_idle_lifetime": 60,
    "refresh_absolute_lifetime": 60,
    "offline_idle_lifetime": 60,
    "offline_absolute_lifetime": 60,
    "reproof_interval": 60,
    "dpop_bound_access_tokens": True,
    "in_session": True,
    "in_two_places": "end",
    "rate_per_minute": 600,
    "may_act": "robot",
    "least_acr": "mfa",
    "remembered_sign_in": False,
    "limits": [{"type": "counterfoil_limit", "action": "transfer", "count": 3}],
}


async def test_everything_that_a_policy_decides_can_be_decided_here(admin: Administrator) -> None:
    assert set(DECISIONS) == set(ClientPolicy.__struct_fields__)
    made = await admin.post("/api/clients", {"client_name": "Decided", "scope": "notes:read"}, 201)
    path = f"/api/clients/{made['client_id']}"
    for name, decided in DECISIONS.items():
        answer = await admin.ask("PATCH", path, json={"policy": {name: decided}})
        assert answer.status_code == 200, answer.text
        assert answer.json()["policy"][name] == decided
    assert (await admin.get(path))["policy"] == DECISIONS


async def test_an_app_with_redirect_uris_signs_people_in(admin: Administrator) -> None:
    asked = {"client_name": "Web", "redirect_uris": [CALLBACK], "scope": "openid"}
    public = {**asked, "client_id": "native-1", "token_endpoint_auth_method": "none"}
    made = await admin.post("/api/clients", asked, 201)
    assert made["grant_types"] == ["authorization_code", "refresh_token"]
    made = await admin.post("/api/clients", public, 201)
    assert made["client_secret"] is None
    assert await admin.refused("POST", "/api/clients", json=public) == (409, "conflict")


async def test_a_secret_is_rotated(place: Installation, admin: Administrator) -> None:
    made = await admin.post("/api/clients", {"client_name": "R", "scope": "notes:read"}, 201)
    path = f"/api/clients/{made['client_id']}/rotate-secret"
    rotated = await admin.post(path)
    assert rotated["client_secret"] != made["client_secret"]
    for secret in (made["client_secret"], rotated["client_secret"]):
        place.secrets[made["client_id"]] = secret
        await place.service_token(made["client_id"])
    await admin.post(path, {"overlap": 0})
    answer = await place.post("/token", made["client_id"], grant_type="client_credentials")
    assert answer.status_code == 401, "without an overlap both before have ended"


async def test_a_client_may_have_keys_instead(place: Installation, admin: Administrator) -> None:
    """RFC 7523; a client that proves itself by them gets no secret."""
    jwks = {"keys": [key().public.as_jwk()]}
    asked = {"client_name": "K", "scope": "notes:read", "client_id": "keyed", "jwks": jwks}
    for method in ("client_secret_basic", "none"):
        refused = asked | {"token_endpoint_auth_method": method}
        assert (await admin.refused("POST", "/api/clients", json=refused))[0] == 400
    made = await admin.post(
        "/api/clients", asked | {"token_endpoint_auth_method": "private_key_jwt"}, 201
    )
    assert (made["client_secret"], made["jwks"]) == (None, jwks)
    assert (await token(place, assertion(place, "keyed"))).status_code == 200
    path = "/api/clients/keyed"
    assert (await admin.refused("POST", f"{path}/rotate-secret", json={}))[0] == 400
    other = {"keys": [key("EdDSA").public.as_jwk()]}
    changed = await admin.post(f"{path}/set-keys", {"jwks": other})
    assert (changed["jwks"], changed["guards"]) == (other, None)
    assert changed["notice"]
    assert (await token(place, assertion(place, "keyed"))).status_code == 401
    assert (await token(place, assertion(place, "keyed", key("EdDSA")))).status_code == 200
    wrong = {"jwks": {"keys": [{"kty": "oct", "k": "x"}]}}
    assert (await admin.refused("POST", f"{path}/set-keys", json=wrong))[0] == 400


async def test_a_disabled_client_gets_no_token_until_it_is_enabled(
    place: Installation, admin: Administrator
) -> None:
    await place.add_client("off")
    receipt = await admin.post("/api/clients/off/disable")
    assert receipt["ended"]
    assert (await admin.get("/api/clients/off"))["disabled_at"] is not None
    answer = await place.post("/token", "off", grant_type="client_credentials")
    assert answer.status_code == 401
    assert (await admin.post("/api/clients/off/enable"))["disabled_at"] is None
    await place.service_token("off")
    events = await place.authority.store.read(lambda tx: tx.events.latest(2))
    assert [each.kind for each in events] == [EventKind.CLIENT_ENABLED, EventKind.CLIENT_DISABLED]
    assert events[0].actor.startswith("client:ops-"), "it says who did it"


async def test_clients_are_listed_in_parts(place: Installation, admin: Administrator) -> None:
    found: list[str] = []
    query = {"limit": "2"}
    while True:
        page = await admin.get("/api/clients", **query)
        assert len(page["clients"]) <= 2
        found += [each["client_id"] for each in page["clients"]]
        if page["next"] is None:
            break
        query = {"limit": "2", "cursor": page["next"]}
    every = await place.authority.store.read(lambda tx: tx.clients.every())
    assert sorted(found) == sorted(each.client_id for each in every)


@pytest.mark.parametrize("path", ["/api/clients/nobody", "/api/clients/nobody/disable"])
async def test_what_is_not_there_is_not_found(admin: Administrator, path: str) -> None:
    method = "POST" if path.endswith("disable") else "GET"
    assert await admin.refused(method, path) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "client_name"),
        ({"client_name": 1}, "$.client_name"),
        ({"client_name": "x", "generation": 7}, "generation"),
        ({"client_name": "x", "scope": "no:such"}, "no:such"),
        ({"client_name": "x", "policy": {"nonsense": 1}}, "nonsense"),
        ({"client_name": "x", "policy": {"in_two_places": "explode"}}, "explode"),
        ({"client_name": "x", "policy": {"reproof_interval": "end"}}, "reproof_interval"),
        ({"client_name": "x", "policy": {"reproof_interval": "600"}}, "reproof_interval"),
        ({"client_name": "x", "redirect_uris": ["http://x.example"]}, "https"),
        ({"client_name": "x" * 201}, "200"),
    ],
)
async def test_a_refusal_says_what_and_where(
    admin: Administrator, body: object, complaint: str
) -> None:
    answer = await admin.ask("POST", "/api/clients", json=body)
    assert answer.status_code == 400
    assert complaint in answer.json()["error_description"]


async def test_a_public_client_has_no_secret_to_rotate(admin: Administrator) -> None:
    refused = await admin.refused("POST", "/api/clients/spa/rotate-secret", json={})
    assert refused == (400, "invalid_request")
