"""``?wait=`` at every operation that ends something."""

import asyncio

import pytest

from counterfoil.oauth.receipts import INTRODUCTION
from counterfoil.server.hub.roll import CLOCKS_APART
from tests.administration import Administrator
from tests.installation import Installation, Person
from tests.server.endpoints.stream import streaming

pytestmark = pytest.mark.anyio

NOBODY = {
    "reached": True,
    "known": 0,
    "anonymous": 0,
    "others": 0,
    "behind": [],
    "lost": [],
    "not_named": 0,
    "carried": False,
}


async def test_without_a_wait_nothing_is_said_of_guards(
    admin: Administrator, person: Person
) -> None:
    ended = await admin.post("/api/endings", {"kind": "user", "name": person.user_id})
    assert ended["guards"] is None


async def test_every_operation_that_ends_something_can_wait(
    place: Installation, admin: Administrator, person: Person
) -> None:
    await place.add_client("leaver")
    for path, body in (
        ("/api/endings", {"kind": "user", "name": person.user_id}),
        (f"/api/users/{person.user_id}/disable", None),
        ("/api/clients/leaver/rotate-secret", {"overlap": 0}),
        ("/api/clients/leaver/disable", None),
    ):
        answer = await admin.ask("POST", path, params={"wait": "5"}, json=body or {})
        assert answer.status_code == 200, answer.text
        assert answer.json()["guards"] == NOBODY
        assert answer.json()["notice"] == str(place.authority.hub.position)


async def test_a_guard_that_does_not_answer_is_named_with_when_its_policy_bites(
    place: Installation, admin: Administrator, person: Person
) -> None:
    await place.authority.hub.catch_up()
    cursor = str(place.authority.hub.position)
    introduction = 'reject;tolerance=45;name="0123456789abcdef"'
    headers = {INTRODUCTION.lower(): introduction, "last-event-id": cursor}
    async with streaming(place, "/notices", **headers) as stream:
        assert await stream.next_named("head") is not None
        body = {"kind": "user", "name": person.user_id}
        answer = await admin.ask("POST", "/api/endings", params={"wait": "1"}, json=body)
    guards = answer.json()["guards"]
    assert (guards["reached"], guards["anonymous"]) == (False, 1)
    (late,) = guards["behind"]
    assert (late["client_id"], late["then"]) == (None, "reject")
    assert late["policy_bites_at"] == int(place.clock()) + 45 + CLOCKS_APART


async def test_a_dry_run_waits_for_nobody(admin: Administrator, person: Person) -> None:
    params = {"dry_run": "true", "wait": "5"}
    body = {"kind": "user", "name": person.user_id}
    answer = await admin.ask("POST", "/api/endings", params=params, json=body)
    assert answer.json()["guards"] is None


@pytest.mark.parametrize("wait", ["-1", "61", "1.5", "nan", "soon", ""])
async def test_a_wait_has_bounds(admin: Administrator, wait: str) -> None:
    body = {"kind": "user", "name": "x"}
    refused = await admin.refused("POST", "/api/endings", params={"wait": wait}, json=body)
    assert refused == (400, "invalid_request")


async def test_a_server_that_ends_answers_whoever_waits(
    place: Installation, admin: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were it broken off, a secret that is told this once would be lost."""
    await place.add_client("stayer")
    authority = place.authority
    await authority.hub.catch_up()
    cursor = str(authority.hub.position)
    introduction = 'reject;tolerance=45;name="0123456789abcdef"'
    headers = {INTRODUCTION.lower(): introduction, "last-event-id": cursor}
    path = "/api/clients/stayer/rotate-secret"
    async with streaming(place, "/notices", **headers) as stream:
        assert await stream.next_named("head") is not None
        rotating = asyncio.create_task(
            admin.ask("POST", path, params={"wait": "60"}, json={"overlap": 0})
        )
        assert await stream.next_named("acknowledge") is not None
        monkeypatch.setattr(authority.hub, "has_ended", True)
        answer = await asyncio.wait_for(rotating, 30)
    assert answer.status_code == 200
    assert answer.json()["client_secret"]
    assert answer.json()["guards"]["reached"] is False
