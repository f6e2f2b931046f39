"""Userinfo over HTTP."""

import logging

import pytest

from counterfoil.jose.jwt import unverified_claims
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


async def test_a_refusal_names_itself_and_the_token(
    place: Installation, person: Person, caplog: pytest.LogCaptureFixture
):
    """S109: a request id that the log knows too, and the fingerprint; never one from outside."""
    caplog.set_level(logging.INFO, "counterfoil")
    token = (await person.tokens(scope="notes:read"))["access_token"]
    headers = {"authorization": f"Bearer {token}", "x-request-id": "forged\\n00 /: all is well"}
    async with place.browser() as anyone:
        answer = await anyone.get("/userinfo", headers=headers)
        forged = await anyone.get(
            "/userinfo", headers={"authorization": f"Bearer {token[:-9]}AAAA"}
        )
    told = answer.json()
    assert (answer.status_code, told["error_reason"]) == (403, "insufficient_scope")
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["fingerprint"] == unverified_claims(token)["jti"]
    line = f"{told['request_id']} /userinfo: insufficient_scope fingerprint={told['fingerprint']}"
    assert line in caplog.messages
    assert "forged" not in caplog.text
    assert token not in caplog.text
    assert "fingerprint" not in forged.json(), "what it says of itself is not believed"
