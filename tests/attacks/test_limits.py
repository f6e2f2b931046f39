"""Limits of what a token may do, in the hands of whoever wants to do more (S15)."""

import json
from typing import Any

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.server.records.client import SPEND
from tests.allowing import act, acted, add_guard, counted_token, granted, left, post, take
from tests.installation import MAIL, NOTES, Installation

pytestmark = pytest.mark.anyio
COUNT, SUM = "count:transfer/EUR", "sum:transfer/EUR"


@pytest.fixture(scope="module")
async def counted(site: Installation) -> Installation:
    await site.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await add_guard(site)
    await add_guard(site, "thief", scopes=frozenset({SPEND}))
    await add_guard(site, "mail-guard", scopes=frozenset({SPEND, "mail:read"}))
    return site


@pytest.fixture
async def jti(counted: Installation) -> str:
    return str(unverified_claims(await counted_token(counted))["jti"])


async def test_a_key_is_not_used_for_another_amount(counted: Installation, jti: str):
    """S15: though only the number is counted: the first was for one cent."""
    cheap = act(jti, 1)
    assert await acted(counted, cheap) == [1]
    assert await acted(counted, cheap | {"amount": 2500}) == ["key_reused"]
    only = [{"type": "counterfoil_limit", "action": "transfer", "unit": "EUR", "count": 2}]
    other = str(unverified_claims(await counted_token(counted, *only))["jti"])
    cheap = act(other, 1)
    assert await acted(counted, cheap, cheap | {"amount": 2**53 - 1}, cheap) == [
        1,
        "key_reused",
        1,
    ]
    assert await left(counted, other, COUNT) == 1


async def test_a_key_is_not_replayed_by_another_guard(counted: Installation, jti: str):
    one = act(jti, 100)
    assert await acted(counted, one) == [1]
    assert await acted(counted, one, client_id="thief") == ["key_reused"]


async def test_what_is_refused_takes_nothing_of_either(counted: Installation, jti: str):
    """Else a few that are too large would use up the count, or many small ones the sum."""
    assert await acted(counted, act(jti, 2500), act(jti, 2500), act(jti, 2500)) == [
        1,
        "used_up",
        "used_up",
    ]
    assert (await left(counted, jti, COUNT), await left(counted, jti, SUM)) == (2, 1500)


async def test_another_api_counts_nothing(counted: Installation, jti: str):
    asked: dict[str, Any] = {"client_id": "mail-guard", "audience": MAIL}
    assert await acted(counted, act(jti), **asked) == ["not_registered"]
    assert await left(counted, jti, COUNT) == 3


@pytest.mark.parametrize("amount", [-1, 1.0, "1", True, 2**53, 10**400, None])
async def test_odd_amounts_are_not_counted(counted: Installation, jti: str, amount: object):
    """And what else came with them neither."""
    body = {"audience": NOTES, "acts": [act(jti), act(jti) | {"amount": amount}]}
    assert (await post(counted, json.dumps(body))).status_code == 400
    assert await left(counted, jti, COUNT) == 3


async def test_units_are_not_confused(counted: Installation, jti: str):
    """No spelling of an action and a unit is another's: neither may hold what parts them."""
    odd = [("transfer/EUR", ""), ("transfer", "EUR/"), ("sum:transfer", "EUR"), ("Transfer", "EUR")]
    for action, unit in odd:
        body = {"audience": NOTES, "acts": [act(jti, action=action, unit=unit)]}
        answer = await post(counted, json.dumps(body))
        assert answer.status_code == 400 or answer.json()["acts"][0]["granted"] == 0
    assert await acted(counted, act(jti, unit="eur"), act(jti, unit="")) == ["not_registered"] * 2
    assert await left(counted, jti, COUNT) == 3


async def test_a_take_of_uses_is_none_of_a_transaction(counted: Installation, jti: str):
    """S54: what one is counted under, the other cannot name; a token has no uses to give here."""
    assert await granted(counted, take(jti)) == ["not_registered"]


async def test_what_has_ended_does_nothing_more(counted: Installation):
    token = await counted_token(counted)
    jti = str(unverified_claims(token)["jti"])
    assert await acted(counted, act(jti)) == [1]
    await counted.post("/revoke", "service", token=token)
    assert await acted(counted, act(jti)) == ["revoked"]
