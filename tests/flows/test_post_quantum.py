"""Tokens signed with ML-DSA-65 (RFC 9964): a server in one process, guards in another."""

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jwt as jwcrypto_jwt
from msgspec.structs import replace

from counterfoil.guard import Guard, Issuer
from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.policy import ApiPolicy
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction
from tests.flows.serving import fresh, refusal, refusal_of, served, until
from tests.installation import NOTES, Installation

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("data")) as place:
        await decide(place, signing_algorithm="ML-DSA-65")
        await signed_so(place)
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


async def decide(place: Installation, **policy: Any) -> None:
    """As an administrator beside the server does."""

    async def work(tx: Transaction) -> None:
        api = await tx.apis.find(NOTES)
        assert api is not None
        await registration.update_api(tx, replace(api, policy=ApiPolicy(**policy)), CLI)
        await place.authority.rotation.follow_apis(tx)

    await place.authority.store.transact(work)


async def signed_so(place: Installation) -> str:
    """Wait until the other process has heard of the key; gives a token."""
    for _ in range(200):
        answer = await place.post(
            "/token", "service", grant_type="client_credentials", scope="notes:read"
        )
        if answer.status_code == 200:
            return str(answer.json()["access_token"])
        assert answer.status_code == 503, answer.text
    raise AssertionError("the server never signed")


@pytest.fixture
async def pinned(place: Installation) -> AsyncIterator[Guard]:
    with Guard(issuers=[Issuer(place.issuer, ("ML-DSA-65",))], audience=NOTES) as guard:
        await fresh(guard)
        yield guard
        await guard.aclose()


@pytest.fixture
async def unpinned(place: Installation) -> AsyncIterator[Guard]:
    with Guard(issuers=[Issuer(place.issuer)], audience=NOTES) as guard:
        await fresh(guard)
        yield guard
        await guard.aclose()


async def test_an_api_that_asks_for_it_gets_it_and_a_guard_that_pins_it_takes_it(
    place: Installation, pinned: Guard
):
    token = await place.service_token()
    assert unverified_header(token)["alg"] == "ML-DSA-65"
    assert pinned.check(token).subject == "service"


async def test_another_implementation_verifies_it_by_the_published_keys(place: Installation):
    """S65: jwcrypto, with nothing but ``/jwks.json``."""
    token = await place.service_token()
    async with place.browser() as browser:
        published = (await browser.get("/jwks.json")).text
    keys = jwcrypto_jwk.JWKSet.from_json(published)
    key = keys.get_key(unverified_header(token)["kid"])
    claims = json.loads(jwcrypto_jwt.JWT(jwt=token, key=key, algs=["ML-DSA-65"]).claims)
    assert claims["aud"] == NOTES


async def test_a_guard_that_was_not_told_of_it_refuses_it(place: Installation, unpinned: Guard):
    """It is taken by pinning only."""
    refused = refusal(unpinned, await place.service_token())
    assert refused is not None
    assert refused.reason is Reason.UNKNOWN_KEY


async def test_a_guard_that_pins_it_takes_nothing_else(place: Installation, pinned: Guard):
    """Whoever breaks the other keys makes no token for this API."""
    keyring = place.authority.keyring
    genuine = await place.service_token()
    assert refusal(pinned, genuine) is None
    signer = keyring.signer(Purpose.TOKENS, "at+jwt", int(place.clock()))

    refused = refusal(pinned, signer.sign(unverified_claims(genuine)))
    assert refused is not None
    assert refused.reason is Reason.UNKNOWN_KEY


async def test_nor_does_the_server_where_it_is_asked(place: Installation):
    """Else a forger of ES256 would go by way of introspection."""
    genuine = await place.service_token()
    signer = place.authority.keyring.signer(Purpose.TOKENS, "at+jwt", int(place.clock()))
    forged = signer.sign(unverified_claims(genuine))
    assert (await place.post("/introspect", "guard", token=genuine)).json()["active"] is True
    assert (await place.post("/introspect", "guard", token=forged)).json() == {"active": False}


async def test_it_is_introspected_and_ended_like_any_other(place: Installation, pinned: Guard):
    token = await place.service_token()
    asked = (await place.post("/introspect", "guard", token=token)).json()
    assert asked["active"] is True
    await place.post("/revoke", "service", token=token)
    assert (await refusal_of(pinned, token)).reason is Reason.REVOKED
    assert (await place.post("/introspect", "guard", token=token)).json() == {"active": False}


async def test_nothing_of_it_stands_when_its_key_is_withdrawn(place: Installation, pinned: Guard):
    """S84."""
    token = await place.service_token()
    kid = str(unverified_header(token)["kid"])
    rotation = place.authority.rotation
    await place.authority.store.transact(partial(rotation.withdraw, kid=kid, by=CLI))
    assert (await refusal_of(pinned, token)).reason is Reason.KEY_RETIRED
    again = await signed_so(place)
    assert unverified_header(again)["kid"] != kid
    await until(lambda: refusal(pinned, again) is None)


def test_a_guard_says_which_algorithms_there_are() -> None:
    with pytest.raises(ValueError, match="ES256, EdDSA, PS256, RS256, ML-DSA-65"):
        Issuer("https://issuer.example", ("ML-DSA-44",))
