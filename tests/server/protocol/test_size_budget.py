"""The size budget of access tokens: measured, told, kept (S66)."""

import logging
from typing import Any

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Kind, fingerprint, is_spelled
from counterfoil.server.protocol.policies import demand_api_policy
from counterfoil.server.protocol.size_budget import budget_of
from counterfoil.server.records.api import Api
from counterfoil.server.records.policy import ApiPolicy
from tests.installation import NOTES, Installation, installed

pytestmark = pytest.mark.anyio
SENTENCE = "access tokens of the client service for"


@pytest.fixture
async def place(tmp_path: Any) -> Any:
    async with installed(tmp_path, token_bytes=300) as place:
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


async def answer(place: Installation, client_id: str = "service") -> dict[str, Any]:
    asked = {"grant_type": "client_credentials", "scope": "notes:read"}
    response = await place.post("/token", client_id, **asked)
    assert response.status_code == 200
    return dict(response.json())


async def test_an_answer_says_that_its_token_is_too_long(place: Installation):
    """S66."""
    given = await answer(place)
    assert given["token_budget"] == {"bytes": len(given["access_token"]), "most": 300}


async def test_of_a_token_within_its_budget_nothing_is_said(
    place: Installation, caplog: pytest.LogCaptureFixture
):
    exact = len((await answer(place))["access_token"])
    caplog.clear()
    for budget in (exact, 0):
        await place.set_policy(NOTES, token_bytes=budget)
        assert "token_budget" not in await answer(place), budget
    await place.set_policy(NOTES, token_bytes=exact - 1)
    assert (await answer(place))["token_budget"]["most"] == exact - 1
    assert not caplog.records, "it was told before"


async def test_it_is_logged_once_for_each_client_and_api_and_without_the_token(
    place: Installation, caplog: pytest.LogCaptureFixture
):
    """S66."""
    await place.add_client("printer", scopes=frozenset({"notes:read"}))
    caplog.set_level(logging.INFO, logger="counterfoil.server.protocol.size_budget")
    tokens = [(await answer(place))["access_token"] for _ in range(3)]
    (told,) = caplog.records
    assert told.levelno == logging.WARNING
    assert SENTENCE in told.getMessage()
    assert "the budget is 300" in told.getMessage()
    assert not any(part in caplog.text for token in tokens for part in token.split("."))
    await answer(place, "printer")
    assert [record.args[0] for record in caplog.records if record.args] == ["service", "printer"]


async def test_by_policy_it_becomes_a_reference_token_by_itself(
    place: Installation, caplog: pytest.LogCaptureFixture
):
    """S66: it is written down as such, is told of once, and can be looked up and given back."""
    caplog.set_level(logging.INFO, logger="counterfoil.server.protocol.size_budget")
    await place.set_policy(NOTES, over_budget="reference")
    given, _ = await answer(place), await answer(place)
    token = given["access_token"]
    assert is_spelled(Kind.ACCESS_TOKEN, token)
    assert "token_budget" not in given
    row = await place.authority.store.read(lambda tx: tx.issued_tokens.find(fingerprint(token)))
    assert row is not None
    assert row.claims is not None
    (told,) = caplog.records
    assert told.levelno == logging.INFO, "nobody has to do anything"
    introspected = (await place.post("/introspect", "guard", token=token)).json()
    assert introspected["scope"] == "notes:read"
    await place.post("/revoke", "service", token=token)
    assert (await place.post("/introspect", "guard", token=token)).json() == {"active": False}


async def test_a_short_token_of_such_an_api_stays_signed_and_costs_no_row(place: Installation):
    await place.set_policy(NOTES, over_budget="reference", token_bytes=1_400)
    version = await place.authority.store.version_now()
    token = (await answer(place))["access_token"]
    assert token.count(".") == 2
    assert await place.authority.store.version_now() == version


async def test_in_a_registry_too_it_becomes_a_reference_token(place: Installation):
    await place.set_policy(NOTES, over_budget="reference", registry=True)
    token = (await answer(place))["access_token"]
    assert is_spelled(Kind.ACCESS_TOKEN, token)
    row = await place.authority.store.read(lambda tx: tx.issued_tokens.find(fingerprint(token)))
    assert row is not None
    assert row.claims is not None


def test_a_token_that_points_into_a_list_cannot_become_one():
    policy = ApiPolicy(over_budget="reference", status_list=True)
    api = Api(uri=NOTES, name="Notes", created_at=1, scopes={}, policy=policy)
    with pytest.raises(OAuthError, match="over_budget=reference is not for status_list=true"):
        demand_api_policy(api)


async def test_an_api_decides_for_itself(place: Installation):
    settings = place.authority.settings
    assert budget_of(ApiPolicy(), settings) == 300
    assert budget_of(ApiPolicy(token_bytes=900), settings) == 900
    assert budget_of(ApiPolicy(token_bytes=0), settings) == 0
    assert type(settings)().token_bytes == 1_400


async def test_what_was_seen_is_kept_for_the_page_of_the_api(place: Installation):
    given = await answer(place)
    (seen,) = place.authority.token_sizes.of_api(NOTES)
    assert (seen.client_id, seen.bytes) == ("service", len(given["access_token"]))
    assert seen.at == int(place.clock())
