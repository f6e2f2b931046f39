"""Limits of an API, from its policy to the endpoint that is about to act (RFC 9396)."""

from pathlib import Path
from typing import Any

import pytest

from counterfoil.guard import Credentials, Guard, Issuer, Rejected
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol.policies import with_changes
from counterfoil.server.records.policy import ApiPolicy
from tests.administration import administrator
from tests.flows.serving import fresh, served
from tests.installation import NOTES, Installation, Person
from tests.minting import ONE, add_minter, give_right, mint, whom

pytestmark = pytest.mark.anyio
LIMIT: dict[str, Any] = {
    "type": "counterfoil_limit",
    "action": "transfer",
    "unit": "EUR",
    "per_transaction": 2500,
}
LIMITS = '[{"type":"counterfoil_limit","action":"transfer","unit":"EUR","per_transaction":2500}]'


async def limited(place: Installation, **policy: Any) -> None:
    admin = await administrator(place)
    url = f"/api/apis/named?uri={NOTES}"
    answer = await admin.ask("PATCH", url, json={"policy": {"limits": [LIMIT], **policy}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["policy"]["limits"] == [LIMIT]


async def test_every_token_for_the_api_carries_its_limits_and_the_endpoint_asks(tmp_path: Path):
    """S15, RFC 9396 §7, §9: of a service, minted for a person, as a reference token."""
    async with served(tmp_path) as place:
        assert place.user is not None
        await add_minter(place)
        await give_right(place, place.user.id)
        secret = await place.add_client("guard", scopes=frozenset({"introspect"}))
        free = await place.service_token()
        await limited(place)
        made = (await mint(place, ONE | {"subject": whom(place.user.id)})).json()
        assert made["authorization_details"] == [LIMIT]
        issuer = Issuer(place.issuer, reference=True, credentials=Credentials("guard", secret))
        with Guard(issuers=[issuer], audience=NOTES) as guard:
            await fresh(guard)
            (await guard.decide(free)).within("transfer", 10**9, "EUR", now=guard.now)
            await asks(guard, made["access_token"])
            await asks(guard, await place.service_token())
            await limited(place, token_format="reference")
            opaque = await place.service_token()
            told = (await place.post("/introspect", "guard", token=opaque)).json()
            assert told["authorization_details"] == [LIMIT]
            await asks(guard, opaque)
            await guard.aclose()


async def asks(guard: Guard, unverified: str) -> None:
    """Do what an endpoint does that is about to act."""
    token = await guard.decide(unverified)
    token.within("transfer", 2500, "EUR", now=guard.now)
    for act in (("transfer", 2501, "EUR"), ("transfer", -1, "EUR"), ("close",)):
        with pytest.raises(Rejected) as refused:
            token.within(*act, now=guard.now)
        assert refused.value.reason is Reason.BEYOND_LIMIT
        assert refused.value.fingerprint == token.fingerprint


async def test_a_refresh_carries_them_too(place: Installation, person: Person):
    tokens = await person.tokens(scope="openid notes:read offline_access")
    await limited(place)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    answer = await place.post("/token", "app", **form, resource=NOTES)
    assert answer.json()["authorization_details"] == [LIMIT]
    wider = '[{"type":"counterfoil_limit","action":"transfer","unit":"EUR"}]'
    asked = {"grant_type": "client_credentials", "authorization_details": wider}
    answer = await place.post("/token", "service", **asked)
    assert answer.status_code != 200 or answer.json()["authorization_details"] == [LIMIT]


@pytest.mark.parametrize(
    "limits",
    [
        "no json",
        "{}",
        LIMITS.replace("2500", '"2500"'),
        LIMITS.replace("2500", "25.0"),
        LIMITS.replace("2500", "-1"),
        LIMITS.replace("per_transaction", "per_day"),
        LIMITS.replace("counterfoil_limit", "other"),
        LIMITS.replace("2500", '1,"per_transaction":2500'),
    ],
)
def test_limits_that_cannot_be_kept_are_not_set(limits: str):
    """A field that is not known may narrow; an amount in two spellings has two meanings."""
    assert with_changes(ApiPolicy(), {"limits": LIMITS}).limits[0].per_transaction == 2500
    with pytest.raises(OAuthError):
        with_changes(ApiPolicy(), {"limits": limits})
