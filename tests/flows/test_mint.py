"""Tokens from descriptions, from the mint endpoint of a real server to a real guard."""

from pathlib import Path

import pytest

from counterfoil.guard import Guard
from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.reasons import Reason
from tests.flows.serving import fresh, refusal_of, served
from tests.installation import NOTES
from tests.minting import ONE, add_minter, mint, minted

pytestmark = pytest.mark.anyio


async def test_a_thousand_tokens_come_of_one_call_and_each_is_one(tmp_path: Path):
    """S57: as an array, in order, each with a name of its own by which it ends alone."""
    async with served(tmp_path) as place:
        await add_minter(place)
        with Guard(place.issuer, audience=NOTES) as guard:
            await fresh(guard)
            described = [ONE | {"lifetime": 60 + index % 2} for index in range(1000)]
            answer = await mint(place, described)
            assert answer.status_code == 200, answer.text
            tokens = [each["access_token"] for each in answer.json()]
            checked = [guard.check(token) for token in tokens]
            assert len({each.fingerprint for each in checked}) == 1000
            lived = [each.expires_at - each.issued_at for each in checked]
            assert lived == [each["lifetime"] for each in described]
            await place.post("/revoke", "minter", token=tokens[7])
            assert (await refusal_of(guard, tokens[7])).reason is Reason.REVOKED
            assert guard.check(tokens[8]).subject == "minter"


async def test_one_object_is_answered_by_one_object(tmp_path: Path):
    """S56, S59: and the token says which app has made it."""
    async with served(tmp_path) as place:
        await add_minter(place)
        answer = (await mint(place, ONE)).json()
        claims = unverified_claims(answer["access_token"])
        assert (claims["client_id"], claims["sub"]) == ("minter", "minter")
        assert (answer["token_type"], answer["scope"]) == ("Bearer", "notes:read")
        bound = await minted(place, url="https://notes.example/files/7", url_methods=["GET"])
        assert unverified_claims(bound)["url_bound"] == {
            "methods": ["GET"],
            "url": "https://notes.example/files/7",
        }
