"""A pasted access token: at which check it fails, in the order of a guard (S109)."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.access_token import TYPE, AccessToken, access_token_from
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.explain import explain
from counterfoil.server.protocol.explaining.explanation import Explanation, Outcome, Verdict
from counterfoil.server.records.event import CLI
from counterfoil.server.records.signing_key import Purpose
from tests.attacks.forging import FORGERIES, Loot, encode
from tests.installation import NOTES, Installation, Person

pytestmark = pytest.mark.anyio


async def told(place: Installation, pasted: str) -> Explanation:
    return await explain(place.authority, pasted)


async def loot_of(place: Installation, person: Person) -> Loot:
    token = (await person.tokens())["access_token"]
    async with place.browser() as anyone:
        return Loot(token, (await anyone.get("/jwks.json")).json())


def signed(place: Installation, claims: AccessToken, typ: str = TYPE) -> str:
    signer = place.authority.keyring.signer(Purpose.TOKENS, typ, int(place.clock()))
    return signer.sign(claims)


async def claims_of(place: Installation, person: Person, **other: Any) -> AccessToken:
    claims = access_token_from((await loot_of(place, person)).claims)
    assert claims is not None
    return replace(claims, **other)


@pytest.mark.parametrize("forgery", sorted(FORGERIES))
async def test_every_forgery_is_refused_and_nothing_in_it_believed(
    place: Installation, person: Person, forgery: str
):
    """S109: no check after the one that fails is asked of what a forger wrote."""
    loot = await loot_of(place, person)
    forged = FORGERIES[forgery](loot)
    if forged.strip() == loot.token:
        return
    found = await told(place, forged)
    assert found.verdict is not Verdict.STANDS
    assert found.owner == ""
    assert found.fingerprint == ""
    failed = [step for step in found.steps if step.outcome is Outcome.FAILED]
    assert len(failed) <= 1
    if failed:
        assert found.steps[-1].outcome is Outcome.UNKNOWN


async def test_the_first_failing_check_is_named(place: Installation, person: Person):
    """S109: the word that a guard would say."""
    loot = await loot_of(place, person)
    claims = await claims_of(place, person)
    exp = claims.exp
    cases = {
        "spelling": (loot.token[: len(loot.first) + 20], Reason.MALFORMED),
        "key": (loot.with_own_key(kid="mine"), Reason.UNKNOWN_KEY),
        "signature": (loot.with_own_key(), Reason.BAD_SIGNATURE),
        "type": (signed(place, claims, "JWT"), Reason.WRONG_TYPE),
        "issuer": (signed(place, replace(claims, iss="https://x.example")), Reason.WRONG_ISSUER),
        "begin": (signed(place, replace(claims, nbf=exp - 1)), Reason.ISSUED_IN_FUTURE),
    }
    for check, (token, reason) in cases.items():
        found = await told(place, token)
        assert (found.decided_by, found.reason) == (check, reason), check
    elsewhere = loot.with_own_key({**loot.claims, "iss": "https://x.example"}, kid="mine")
    assert (await told(place, elsewhere)).reason is Reason.WRONG_ISSUER


async def test_enormous_input_is_refused_before_it_is_read(place: Installation):
    for pasted in ("a." * 100_000, "." * 1_000_000, f"{encode({'alg': 'ES256'})}.{'A' * 20_000}.x"):
        assert (await told(place, pasted)).reason is Reason.MALFORMED


async def test_what_only_others_can_tell_is_not_guessed(place: Installation, person: Person):
    """S109: a bound token, and an API that is not known here."""
    claims = await claims_of(place, person)
    bound = replace(claims, cnf={"jkt": "x" * 43}, aud="https://gone.example")
    found = await told(place, signed(place, bound))
    unknown = {step.check for step in found.steps if step.outcome is Outcome.UNKNOWN}
    assert unknown == {"binding", "audience"}
    assert found.verdict is Verdict.STANDS


async def test_a_withdrawn_key_is_named_with_who_withdrew_it(place: Installation, person: Person):
    """S109: since when and by whom."""
    loot = await loot_of(place, person)
    kid = str(loot.header["kid"])
    rotation = place.authority.rotation
    await place.authority.store.transact(lambda tx: rotation.withdraw(tx, kid, CLI))
    found = await told(place, loot.token)
    assert (found.decided_by, found.reason, found.by) == ("key", Reason.KEY_RETIRED, "cli")
    assert found.since == int(place.clock())


async def test_so_is_a_withdrawn_post_quantum_key(place: Installation, person: Person):
    """S109, for a token by ML-DSA-65 (RFC 9964)."""
    authority = place.authority
    weaker = signed(place, await claims_of(place, person))
    await place.set_policy(NOTES, signing_algorithm="ML-DSA-65")
    try:
        refused = await told(place, weaker)
        assert (refused.decided_by, refused.reason) == ("algorithm", Reason.UNKNOWN_KEY)
        assert await authority.reader.read(weaker, place.clock()) is Reason.UNKNOWN_KEY
        await authority.store.transact(authority.rotation.follow_apis)
        await authority.store.read(authority.keyring.load)
        token = (await person.tokens())["access_token"]
        assert (await told(place, token)).verdict is Verdict.STANDS
        (key,) = await authority.store.read(lambda tx: tx.signing_keys.every(Purpose.POST_QUANTUM))
        await authority.store.transact(lambda tx: authority.rotation.withdraw(tx, key.kid, CLI))
        found = await told(place, token)
    finally:
        await place.set_policy(NOTES)
        await authority.store.transact(authority.rotation.follow_apis)
    assert (found.decided_by, found.reason, found.by) == ("key", Reason.KEY_RETIRED, "cli")


async def test_a_foreign_key_of_our_name_is_no_key_of_ours(place: Installation, person: Person):
    loot = await loot_of(place, person)
    strange = loot.with_own_key(kid=json.dumps({"$ne": None}))
    assert (await told(place, strange)).reason is Reason.UNKNOWN_KEY
    assert PrivateKey.generate("ES256").public.kid not in json.dumps(loot.jwk)


FAULTS = {
    "issuer": {"iss": "https://x.example"},
    "expiry": {"exp": 1},
    "begin": {"nbf": 4_000_000_000},
    "token": {"jti": "ended" + "x" * 17},
}


@pytest.mark.parametrize("first", sorted(FAULTS))
@pytest.mark.parametrize("second", sorted(FAULTS))
async def test_where_several_checks_fail_the_one_decides_that_refuses_at_the_door(
    place: Installation, person: Person, first: str, second: str
):
    """S109: the order is that in which tokens are really checked."""
    ended = FAULTS["token"]["jti"]
    await place.authority.store.transact(
        lambda tx: revocation.end_token(tx, str(ended), None, events.CLI)
    )
    claims = await claims_of(place, person, **{**FAULTS[second], **FAULTS[first]})
    token = signed(place, claims)
    refused = await place.authority.reader.read(token, place.clock())
    found = await told(place, token)
    assert found.reason == refused
    assert found.decided_by in (first, second)
