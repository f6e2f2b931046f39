"""What a description comes to: no more than any other token of the same client."""

from typing import Any

import pytest

from counterfoil.oauth.token_description import Mistake
from counterfoil.server.protocol import mint_decisions
from counterfoil.server.protocol.issuance import Issuance
from counterfoil.server.protocol.own_api import own_api_uri
from counterfoil.server.records.policy import ClientPolicy
from tests.installation import MAIL, NOTES, Installation
from tests.minting import ONE, add_minter

pytestmark = pytest.mark.anyio
KEY = "A" * 43


@pytest.fixture(scope="module")
async def minting(place: Installation) -> Installation:
    await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    own = {"mint", "counterfoil:read", "notes:read"}
    await add_minter(place, scopes=frozenset(own))
    bound = ClientPolicy(dpop_bound_access_tokens=True, access_token_lifetime=120)
    await add_minter(place, "bound", policy=bound)
    return place


async def decide(place: Installation, client_id: str = "minter", **members: Any) -> Any:
    read = mint_decisions.read(ONE | members)
    assert isinstance(read, mint_decisions.Read), read

    async def work(tx: Any) -> Any:
        client = await tx.clients.find(client_id)
        ground = await mint_decisions.ground_of(place.authority, tx, client, [read.description])
        return mint_decisions.decide(ground, tx, read)

    return await place.authority.store.read(work)


async def test_it_is_for_the_client_itself(minting: Installation):
    issuance = await decide(minting, lifetime=30)
    assert isinstance(issuance, Issuance)
    assert (issuance.subject, issuance.family_id) == ("minter", "")
    assert (issuance.audience.uri, issuance.audience.lifetime) == (NOTES, 30)
    assert issuance.access.apis == {NOTES: frozenset({"notes:read"})}


async def test_without_a_lifetime_it_lives_as_any_other(minting: Installation):
    issuance = await decide(minting)
    assert issuance.audience.lifetime == minting.authority.settings.access_token_lifetime


@pytest.mark.parametrize(
    ("members", "path", "error"),
    [
        ({"audience": "https://nowhere.example"}, "$.audience", "invalid_target"),
        ({"audience": MAIL}, "$.audience", "invalid_target"),
        ({"scope": "notes:write"}, "$.scope", "invalid_scope"),
        ({"scope": "notes:read mail:read"}, "$.scope", "invalid_scope"),
        ({"scope": "openid"}, "$.scope", "invalid_scope"),
        ({"scope": "mint"}, "$.scope", "invalid_scope"),
        ({"scope": " "}, "$.scope", "invalid_scope"),
        ({"scope": 'a"b'}, "$.scope", "invalid_scope"),
        ({"lifetime": 10**9}, "$.lifetime", "invalid_request"),
        ({"url": "not a url"}, "$.url", "invalid_request"),
        ({"url": "https://notes.example/*", "url_hashed": True}, "$.url", "invalid_request"),
        ({"url_methods": ("GET",)}, "$.url", "invalid_request"),
        ({"url": "https://notes.example/", "url_methods": ("FLY",)}, "$.url", "invalid_request"),
    ],
)
async def test_what_it_may_not_have_is_named(
    minting: Installation, members: dict[str, Any], path: str, error: str
):
    """S56."""
    (mistake,) = await decide(minting, **members)
    assert isinstance(mistake, Mistake)
    assert (mistake.path, mistake.error) == (path, error)


async def test_nobody_mints_for_the_admin_api(minting: Installation):
    """Not even who may have such tokens elsewhere."""
    own = own_api_uri(minting.issuer)
    (mistake,) = await decide(minting, audience=own, scope="counterfoil:read")
    assert (mistake.path, mistake.error) == ("$.audience", "invalid_target")


async def test_a_client_whose_tokens_are_bound_names_the_key(minting: Installation):
    """RFC 9449 §5.2; and its policy's lifetime counts here too (S22)."""
    wrong = await decide(minting, "bound", lifetime=121)
    assert [each.path for each in wrong] == ["$.lifetime", "$.dpop_jkt"]
    issuance = await decide(minting, "bound", lifetime=120, dpop_jkt=KEY)
    assert issuance.binding.confirmation() == {"jkt": KEY}
    assert issuance.binding.token_type == "DPoP"


async def test_a_hash_is_of_the_tokens_own_name(minting: Installation):
    url = "https://notes.example/files/7"
    one, other = [await decide(minting, url=url, url_hashed=True) for _ in range(2)]
    assert one.url_bound.hash
    assert one.url_bound.hash != other.url_bound.hash
