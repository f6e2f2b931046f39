"""RFC 6750 at the userinfo endpoint: bearer tokens in the header, challenges that say why."""

import pytest

from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def test_a_token_travels_in_the_header(place: Installation, person: Person):
    """§2.1; S95: Authorization on each request, no cookie."""
    token = (await person.tokens())["access_token"]
    async with place.browser() as client:
        for scheme in ("Bearer", "bearer"):
            answer = await client.get("/userinfo", headers={"authorization": f"{scheme} {token}"})
            assert answer.status_code == 200
        assert not client.cookies


async def test_a_token_in_the_url_is_not_read(place: Installation, person: Person):
    """§2.3, §5.3: OAuth 2.1 took it away."""
    token = (await person.tokens())["access_token"]
    async with place.browser() as client:
        answer = await client.get("/userinfo", params={"access_token": token})
    assert answer.status_code == 401


async def test_a_token_in_the_body_is_not_read(place: Installation, person: Person):
    """§2.2: optional, and not offered."""
    token = (await person.tokens())["access_token"]
    async with place.browser() as client:
        answer = await client.post("/userinfo", data={"access_token": token})
    assert answer.status_code == 401


async def test_without_a_token_there_is_a_challenge_and_no_error(place: Installation):
    """§3.1: a request that lacks authentication is told no error code; S109: yet the reason."""
    async with place.browser() as client:
        answer = await client.get("/userinfo")
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Bearer ")
    assert "error=" not in challenge
    assert 'error_reason="missing"' in challenge


@pytest.mark.parametrize("token", ["x", "a.b.c", "a b", "é"])
async def test_a_malformed_token_is_invalid(place: Installation, token: str):
    """§3.1: invalid_token is 401; S109: the reason stands in header and body."""
    async with place.browser() as client:
        header = {"authorization": f"Bearer {token}".encode()}
        answer = await client.get("/userinfo", headers=header)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert answer.json()["error"] == "invalid_token"
    assert answer.json()["error_reason"] == "malformed"


async def test_an_expired_token_says_so(place: Installation, person: Person):
    """§3.1; S16, S109: expired."""
    token = (await person.tokens())["access_token"]
    place.clock.turn(place.authority.settings.access_token_lifetime)
    async with place.browser() as client:
        answer = await client.get("/userinfo", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.json()["error_reason"] == "expired"


async def test_a_revoked_token_says_so(place: Installation, person: Person):
    """§3.1; S37, S109: revoked."""
    token = (await person.tokens())["access_token"]
    await place.post("/revoke", "app", token=token)
    async with place.browser() as client:
        answer = await client.get("/userinfo", headers={"authorization": f"Bearer {token}"})
    assert answer.json()["error_reason"] == "revoked"


async def test_a_token_without_the_scope_is_403(place: Installation):
    """§3.1: insufficient_scope."""
    token = await place.service_token()
    async with place.browser() as client:
        answer = await client.get("/userinfo", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert answer.json()["error"] == "insufficient_scope"


async def test_another_kind_of_token_says_so(place: Installation, person: Person):
    """§3.1; S75: an ID token opens nothing; S109: wrong_type."""
    token = (await person.tokens())["id_token"]
    async with place.browser() as client:
        answer = await client.get("/userinfo", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.json()["error_reason"] == "wrong_type"


async def test_two_authorization_headers_are_refused(place: Installation, person: Person):
    """§2: clients must not use more than one method, nor two of one."""
    token = (await person.tokens())["access_token"]
    async with place.browser() as client:
        headers = [("authorization", f"Bearer {token}")] * 2
        answer = await client.get("/userinfo", headers=headers)
    assert answer.status_code == 401


async def test_answers_with_personal_data_are_not_cached(place: Installation, person: Person):
    """§5.3."""
    token = (await person.tokens())["access_token"]
    async with place.browser() as client:
        answer = await client.get("/userinfo", headers={"authorization": f"Bearer {token}"})
    assert answer.headers["cache-control"] == "no-store"
