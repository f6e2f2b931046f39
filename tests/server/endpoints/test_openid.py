"""Userinfo over HTTP."""

import pytest

from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "missing"),
        ("", "missing"),
        ("Basic eDp5", "missing"),
        ("Bearer", "missing"),
        ("Bearer ", "missing"),
        ("Bearer x", "malformed"),
    ],
)
async def test_what_is_no_bearer_token_is_challenged(
    place: Installation, authorization: str | None, reason: str
):
    """RFC 6750 §3; S109."""
    headers = {"authorization": authorization} if authorization is not None else {}
    async with place.browser() as anyone:
        answer = await anyone.get("/userinfo", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert answer.json()["error_reason"] == reason


async def test_a_good_token_is_answered(place: Installation, person: Person):
    tokens = await person.tokens(scope="openid email")
    async with place.browser() as anyone:
        header = {"authorization": f"Bearer {tokens['access_token']}"}
        answer = await anyone.get("/userinfo", headers=header)
    assert answer.json()["email"] == person.email
