"""The description of the admin API: complete, true, and open to all."""

import json
from pathlib import Path
from typing import Any

import pytest

from counterfoil.server.app import ROUTES
from counterfoil.server.endpoints.api.description import description
from counterfoil.server.endpoints.api.openapi import PATH
from counterfoil.server.endpoints.api.table import OPERATIONS
from counterfoil.server.protocol.own_api import SCOPES
from tests.administration import Administrator
from tests.client_keys import key
from tests.installation import NOTES, Installation, Person
from tests.json_schema import faults

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "admin-api.md"
pytestmark = pytest.mark.anyio


async def test_it_is_open_to_all_and_may_be_cached(place: Installation) -> None:
    async with place.browser() as anyone:
        answer = await anyone.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.content == description(place.issuer)
    assert answer.json()["openapi"].startswith("3.1.")


def test_every_route_is_described_and_nothing_else() -> None:
    routes = {(each.path, each.methods[0]) for each in ROUTES if each.path.startswith("/api/")}
    paths = json.loads(description("https://id.example"))["paths"]
    described = {(path, method.upper()) for path, row in paths.items() for method in row}
    assert described == routes - {(PATH, "GET")}
    assert {scope for each in OPERATIONS for scope in (each.scope,)} == set(SCOPES)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    whole = json.loads(description("https://id.example"))
    references = {each.rpartition("/")[2] for each in _references(whole)}
    assert references == set(whole["components"]["schemas"])


def test_the_handbook_has_every_operation_and_scope() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [f"| {o.method} | `{o.path}` | `{o.scope}` | {o.says} |" for o in OPERATIONS]
    assert [line for line in page.splitlines() if "| `/api/" in line] == rows
    for scope, says in SCOPES.items():
        assert f"| `{scope}` | {says} |" in page


def test_operations_have_names_of_their_own() -> None:
    names = [each.name for each in OPERATIONS]
    assert len(set(names)) == len(names)


async def test_every_operation_answers_as_it_is_described(
    place: Installation, admin: Administrator, person: Person
) -> None:
    """Each is driven once, and what it takes and gives is held against its schema."""
    await person.tokens()
    (grant,) = (await admin.get("/api/grants", user_id=person.user_id))["grants"]
    (family,) = (await admin.get("/api/families", grant_id=grant["id"]))["families"]
    kid = (await admin.get("/api/keys"))["keys"][0]["kid"]
    right = {"users": [person.user_id], "apis": {NOTES: "notes:read"}, "longest": 60}
    right["ends_at"] = grant["created_at"] + 3600
    await admin.ask("PATCH", "/api/clients/service", json={"scope": "notes:read mint"})
    given = await admin.post("/api/clients/service/mint-rights", right, 201)
    names = {
        "client_id": "service",
        "user_id": person.user_id,
        "grant_id": grant["id"],
        "session_id": family["session_id"],
        "family_id": family["id"],
        "kid": kid,
        "right_id": given["id"],
        "provider_id": "google",
    }
    api = {"uri": "https://driven.example", "name": "D", "scopes": {"driven": "D"}}
    bodies: dict[str, Any] = {
        "add_client": {"client_name": "X", "scope": "notes:read"},
        "change_client": {"client_name": "Service"},
        "rotate_secret": {"overlap": 60},
        "set_keys": {"jwks": {"keys": [key().public.as_jwk()]}},
        "give_mint_right": right,
        "add_api": api,
        "add_encryption_key": {},
        "add_provider": {"preset": "google", "client_id": "us", "client_secret": "s"},
        "change_provider": {"name": "G", "policy": {"silent": True}},
        "use_upstream_token": {"provider": "google"},
        "change_api": {"name": "Driven"},
        "add_user": {"email": "driven@example.com"},
        "end": {"kind": "family", "name": family["id"]},
    }
    leaving = await place.add_user("leaving@example.com")
    queries = {"/api/apis/named": {"uri": NOTES}, "/api/limited-tokens": {"client_id": "app"}}
    for operation in OPERATIONS:
        user_id = leaving.id if operation.name == "delete_user" else person.user_id
        path = operation.path.format(
            **names | {"user_id": user_id}
        )  # a key of an API has a name once it is added
        is_of_key = operation.path.startswith("/api/apis/keys")
        query = {"uri": NOTES} if is_of_key else queries.get(operation.path, {})
        body = bodies.get(operation.name)
        if body is not None:
            described = admin.description["paths"][operation.path][operation.method.lower()]
            schema = described["requestBody"]["content"]["application/json"]["schema"]
            assert faults(body, schema, admin.description) == []
        answer = await admin.ask(operation.method, path, params=query, json=body)
        if operation.name == "invite_user":  # nobody is invited here
            assert answer.json()["error"] == "invalid_request"
            continue
        if operation.name == "use_upstream_token":  # nothing was given
            assert answer.status_code == 404
            continue
        assert answer.status_code == operation.status, (operation.name, answer.text)
        if operation.name == "add_encryption_key":
            names["encryption_kid"] = answer.json()["kid"]


def test_the_checker_finds_faults() -> None:
    root = json.loads(description("https://id.example"))
    schema = {"$ref": "#/components/schemas/NewApi"}
    right = {"uri": "https://x.example", "name": "X", "scopes": {"x": "X"}}
    assert faults(right, schema, root) == []
    for wrong in (
        {**right, "more": 1},
        {**right, "name": 1},
        {**right, "scopes": {"x": 1}},
        {**right, "token_lifetime": 0},
        {"name": "X"},
        [],
    ):
        assert faults(wrong, schema, root), wrong


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for member in value.values() for each in _references(member)]
    if isinstance(value, list):
        return [each for member in value for each in _references(member)]
    return []
