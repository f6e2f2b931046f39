"""An assertion is used up on its own, before anything else is decided (RFC 7523 §3)."""

import asyncio

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.server.protocol.client_assertions import take
from tests.client_keys import assertion, jwks_of, key
from tests.installation import Installation

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def keyed(place: Installation) -> Installation:
    await place.add_client("keyed", jwks=jwks_of(key()))
    return place


async def test_it_gives_the_thumbprint_of_the_key(keyed: Installation) -> None:
    taken = await take(keyed.authority, "keyed", Secret(assertion(keyed, "keyed")))
    assert taken == key().public.thumbprint


async def test_of_many_at_once_one_is_taken(keyed: Installation) -> None:
    once = Secret(assertion(keyed, "keyed"))
    tries = [take(keyed.authority, "keyed", once) for _ in range(20)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, str) for each in found) == 1
    assert sum(isinstance(each, OAuthError) for each in found) == 19


async def test_one_that_is_wrong_is_not_written_down(keyed: Installation) -> None:
    """So a stranger cannot use up what the client is about to say."""
    stranger = Secret(assertion(keyed, "keyed", key("ES256", "stranger"), jti="mine"))
    with pytest.raises(OAuthError):
        await take(keyed.authority, "keyed", stranger)
    right = Secret(assertion(keyed, "keyed", jti="mine"))
    assert await take(keyed.authority, "keyed", right)


async def test_an_unknown_client_is_refused_as_one_without_such_a_key(keyed: Installation) -> None:
    said = set()
    for client_id in ("nobody", "service"):
        with pytest.raises(OAuthError) as refused:
            await take(keyed.authority, client_id, Secret(assertion(keyed, client_id)))
        said.add(refused.value.description)
    assert len(said) == 1


async def test_a_used_one_is_swept_when_it_is_good_no_more(keyed: Installation) -> None:
    await take(keyed.authority, "keyed", Secret(assertion(keyed, "keyed")))
    keyed.clock.turn(60 + 71 + 1)
    assert await keyed.authority.store.transact(lambda tx: tx.sweep(100)) >= 1
    assert await keyed.authority.store.transact(lambda tx: tx.sweep(100)) == 0
