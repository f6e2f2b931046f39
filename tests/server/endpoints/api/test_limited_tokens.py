"""Limited tokens by the admin API: which of them still stand, and what is left (S54)."""

import pytest

from counterfoil.jose.jwt import unverified_claims
from tests.administration import Administrator
from tests.allowing import add_guard, granted, take
from tests.installation import NOTES, Installation, Person

pytestmark = pytest.mark.anyio


async def limited(person: Person, max_uses: int) -> str:
    answer = await person.exchange(await person.code(), max_uses=str(max_uses))
    return str(answer.json()["access_token"])


async def test_tokens_of_a_person_stand_with_what_is_left(
    place: Installation, admin: Administrator, person: Person
) -> None:
    """S54: newest first, part by part; and they end as any token does."""
    await add_guard(place, "counting-guard")
    first = unverified_claims(await limited(person, 5))
    place.clock.turn(1)
    second = unverified_claims(await limited(person, 1))
    asked = take(first["jti"], 2)
    assert await granted(place, asked, client_id="counting-guard") == [2]
    whole = await admin.get("/api/limited-tokens", user_id=person.user_id)
    assert whole["next"] is None
    newest, oldest = whole["limited_tokens"]
    assert oldest == {
        "jti": first["jti"],
        "client_id": "app",
        "user_id": person.user_id,
        "audience": NOTES,
        "max_uses": 5,
        "uses_left": 3,
        "issued_at": first["iat"],
        "expires_at": first["exp"],
    }
    assert (newest["jti"], newest["uses_left"]) == (second["jti"], 1)
    part = await admin.get("/api/limited-tokens", user_id=person.user_id, limit=1)
    assert part["limited_tokens"] == [newest]
    rest = {"user_id": person.user_id, "client_id": "app", "cursor": part["next"]}
    assert (await admin.get("/api/limited-tokens", **rest))["limited_tokens"] == [oldest]
    await admin.post("/api/endings", {"kind": "token", "name": first["jti"]})
    left = await admin.get("/api/limited-tokens", user_id=person.user_id)
    assert left["limited_tokens"] == [newest]


async def test_tokens_of_a_service_have_no_person(
    place: Installation, admin: Administrator
) -> None:
    await place.service_token(max_uses=7)
    found = await admin.get("/api/limited-tokens", client_id="service")
    (token,) = found["limited_tokens"]
    assert (token["user_id"], token["max_uses"]) == (None, 7)


async def test_somebody_must_be_named(admin: Administrator) -> None:
    assert await admin.refused("GET", "/api/limited-tokens") == (400, "invalid_request")
