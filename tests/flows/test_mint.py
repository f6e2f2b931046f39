"""Tokens from descriptions, from the mint endpoint of a real server to a real guard."""

from pathlib import Path

import pytest

from counterfoil.guard import Guard
from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.explain import explain_to
from counterfoil.server.protocol.explaining.explanation import Verdict
from counterfoil.server.protocol.revocation import (
    disable_user,
    end_everything_of_client,
    withdraw_right,
)
from tests.flows.serving import fresh, refusal_of, served
from tests.installation import NOTES, Installation, Person, endings_in, hidden_fields
from tests.minting import ONE, add_minter, give_right, mint, minted, whom

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


async def made_for(place: Installation, user_id: str) -> str:
    return await minted(place, subject=whom(user_id))


async def test_what_is_made_for_a_person_ends_by_whoever_may_end_it(tmp_path: Path):
    """S58: the person in their account, the administrator by the right, and with everything."""
    async with served(tmp_path) as place:
        assert place.user is not None
        ada, store = place.user.id, place.authority.store
        await add_minter(place)
        right = await give_right(place, ada)
        with Guard(place.issuer, audience=NOTES) as guard:
            await fresh(guard)
            token = await made_for(place, ada)
            assert guard.check(token).subject == ada
            async with place.browser() as browser:
                person = Person(place, browser)
                await person.sign_in(await browser.get("/sign-in"))
                account = (await browser.get("/account/apps")).text
                assert "Made for you by <bdi>Minter</bdi>" in account
                (end,) = [each for each in endings_in(account) if "/family/" in each]
                asked = await browser.get(end)
                assert "tokens that Minter has made for this person end" in asked.text
                ended = await browser.post(end, data=hidden_fields(asked.text))
                assert ended.status_code == 200
                assert (await refusal_of(guard, token)).reason is Reason.REVOKED
                assert "Made for you" not in (await browser.get("/account/apps")).text
            token = await made_for(place, ada)
            assert guard.check(token).subject == ada
            await store.transact(lambda tx: withdraw_right(tx, right.id, CLI))
            assert (await refusal_of(guard, token)).reason is Reason.REVOKED
            assert (await mint(place, ONE | {"subject": whom(ada)})).status_code == 403
            await give_right(place)
            token, own = await made_for(place, ada), await minted(place)
            await store.transact(lambda tx: disable_user(tx, ada, CLI))
            assert (await refusal_of(guard, token)).reason is Reason.REVOKED
            assert (await mint(place, ONE | {"subject": whom(ada)})).status_code == 403
            assert guard.check(own).subject == "minter"


async def test_it_ends_with_the_client_and_says_why(place: Installation, person: Person):
    """S58: by the generation of the client, as all its tokens; and the explanation names it."""
    await add_minter(place, "ending")
    right = await give_right(place, person.user_id, client_id="ending")
    store, reader = place.authority.store, place.authority.reader
    first = await minted(place, "ending", subject=whom(person.user_id))
    jti = str(unverified_claims(first)["jti"])
    told = await explain_to(place.authority, jti, person.user_id)
    assert "An administrator lets the client make tokens" in str(told.steps)
    await store.transact(lambda tx: withdraw_right(tx, right.id, CLI))
    told = await explain_to(place.authority, jti, person.user_id)
    assert told.verdict is Verdict.REFUSED
    assert "the right by which it was made was withdrawn" in str(told.steps)
    await give_right(place, person.user_id, client_id="ending")
    second = await minted(place, "ending", subject=whom(person.user_id))
    assert not isinstance(await reader.read(second, place.clock()), Reason)
    await store.transact(lambda tx: end_everything_of_client(tx, "ending", CLI))
    assert await reader.read(second, place.clock()) is Reason.REVOKED
    answer = await place.post("/introspect", "ending", token=second)
    assert answer.json() == {"active": False}


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
