"""Limiting a token at its issue: it only narrows, and one token alone (S51, S54)."""

from typing import Any

import pytest

from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.oauth.use_limit import MOST_USES, TYPE
from tests.allowing import left
from tests.installation import NOTES, Installation, Person, token_request

pytestmark = pytest.mark.anyio


async def asked(place: Installation, **form: str) -> tuple[int, dict[str, Any]]:
    answer = await token_request(place, "service", grant_type="client_credentials", **form)
    return answer.status_code, answer.json()


async def test_a_service_asks_for_few_uses_and_an_early_end(place: Installation):
    status, told = await asked(place, max_uses="3", lifetime="20")
    claims = unverified_claims(told["access_token"])
    assert (status, told["max_uses"], told["expires_in"]) == (200, 3, 20)
    assert (claims["max_uses"], claims["exp"] - claims["iat"]) == (3, 20)
    assert await left(place, claims["jti"]) == 3


async def test_nothing_makes_a_token_live_longer_than_usual(place: Installation):
    """S55: the answer says how long it lives."""
    _, usual = await asked(place)
    _, told = await asked(place, lifetime="99999999", max_uses="1")
    assert told["expires_in"] == usual["expires_in"]


async def test_an_early_end_alone_makes_no_other_token_of_it(place: Installation):
    _, told = await asked(place, lifetime="1")
    assert unverified_header(told["access_token"])["typ"] == "at+jwt"
    assert "max_uses" not in told
    jti = unverified_claims(told["access_token"])["jti"]
    assert await place.authority.store.read(lambda tx: tx.allowances.find(jti, "uses")) is None


@pytest.mark.parametrize(
    "form",
    [
        {"max_uses": "0"},
        {"max_uses": "-1"},
        {"max_uses": "1.5"},
        {"max_uses": "٣"},
        {"max_uses": "1e3"},
        {"max_uses": str(MOST_USES + 1)},
        {"max_uses": "9" * 40},
        {"lifetime": "0"},
        {"lifetime": "-5"},
        {"max_uses": "1", "lifetime": "soon"},
    ],
)
async def test_what_is_no_limit_is_refused(place: Installation, form: dict[str, str]):
    status, told = await asked(place, **form)
    assert (status, told["error"]) == (400, "invalid_request")
    assert list(form)[-1] in told["error_description"]


async def test_the_token_is_narrowed_and_not_its_family(place: Installation, person: Person):
    """By a code and by a refresh; nor is a code spent on a limit that is none."""
    code = await person.code(scope="openid offline_access notes:read")
    assert (await person.exchange(code, max_uses="none")).status_code == 400
    tokens = (await person.exchange(code, max_uses="1")).json()
    assert tokens["max_uses"] == 1
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    answer = (await place.post("/token", "app", **again)).json()
    assert "max_uses" not in unverified_claims(answer["access_token"])
    again["refresh_token"] = answer["refresh_token"]
    answer = (await place.post("/token", "app", **again, max_uses="2")).json()
    assert unverified_header(answer["access_token"])["typ"] == TYPE


async def test_a_token_for_the_server_itself_is_not_limited(place: Installation, person: Person):
    """It counts no uses of its own; an early end it may have."""
    code = await person.code(scope="openid profile")
    refused = await person.exchange(code, max_uses="1")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")
    assert (await person.exchange(code, lifetime="9")).json()["expires_in"] == 9


async def test_a_limited_token_is_none_for_userinfo(place: Installation, person: Person):
    code = await person.code(scope="openid notes:read")
    token = (await person.exchange(code, max_uses="1")).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    answer = await person.browser.get(f"{place.issuer}/userinfo", headers=headers)
    assert (answer.status_code, answer.json()["error_reason"]) == (401, "wrong_type")


async def test_an_api_may_limit_all_its_tokens(place: Installation):
    """S54: whatever was asked for; who asks for more is told, and who asks for less has less."""
    await place.set_policy(NOTES, max_uses=5)
    try:
        assert (await asked(place))[1]["max_uses"] == 5
        assert (await asked(place, max_uses="2"))[1]["max_uses"] == 2
        status, told = await asked(place, max_uses="6")
        assert (status, told["error"]) == (400, "invalid_request")
        assert "5 times" in told["error_description"]
    finally:
        await place.set_policy(NOTES)
