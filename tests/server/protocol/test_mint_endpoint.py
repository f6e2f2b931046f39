"""The pipeline of the mint endpoint: who, what is written down, whose turn it is meanwhile."""

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.errors import OAuthError, TooManyRequests
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.oauth.token_response import TokenResponse
from counterfoil.server.protocol import mint_endpoint
from counterfoil.server.protocol.mint_endpoint import AT_A_TIME, MOST_WRITTEN, Asked, MintRefused
from counterfoil.server.records.client import MINT
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.session import Origin
from tests.allowing import left
from tests.installation import CALLBACK, MAIL, NOTES, Installation
from tests.minting import ONE, add_minter

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def minting(place: Installation) -> Installation:
    await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await place.set_policy(MAIL, registry=True)
    await add_minter(place, scopes=frozenset({MINT, "notes:read", "mail:read"}))
    return place


def asked(place: Installation, described: Any, client_id: str = "minter", **members: Any) -> Asked:
    secret = f"{client_id}:{place.secrets.get(client_id, '')}"
    authorization = f"Basic {b64encode(secret.encode()).decode()}"
    return Asked(msgspec.json.encode(described), authorization, Origin(), **members)


async def respond(place: Installation, *given: Any, **members: Any) -> Any:
    return await mint_endpoint.respond(place.authority, asked(place, *given, **members))


async def test_only_a_client_with_the_right_may_mint(minting: Installation):
    with pytest.raises(OAuthError) as refused:
        await respond(minting, ONE, "service")
    assert refused.value.error == "insufficient_scope"
    minting.secrets["ghost"] = "wrong"
    with pytest.raises(OAuthError) as refused:
        await respond(minting, ONE, "ghost")
    assert refused.value.error == "invalid_client"


async def test_a_public_client_proves_nothing_and_mints_nothing(minting: Installation):
    members: dict[str, Any] = {"grant_types": ("authorization_code",), "redirect_uris": (CALLBACK,)}
    await add_minter(minting, "open", public=True, **members)
    with pytest.raises(OAuthError) as refused:
        await respond(minting, ONE, "open")
    assert refused.value.error == "invalid_client"


async def test_the_body_of_a_stranger_is_not_even_read(minting: Installation):
    with pytest.raises(OAuthError) as refused:
        await respond(minting, [1, 2, 3], "service")
    assert not isinstance(refused.value, MintRefused)


async def test_where_an_api_limits_its_tokens_those_are_counted_too(minting: Installation):
    """S54: their uses are written down before they are handed out."""
    await minting.set_policy(NOTES, max_uses=3)
    try:
        answers = await respond(minting, [ONE, ONE])
        for each in answers:
            assert each.max_uses == 3
            assert await left(minting, unverified_claims(each.access_token)["jti"]) == 3
    finally:
        await minting.set_policy(NOTES)


async def test_what_costs_a_row_is_written_down_before_it_is_handed_out(minting: Installation):
    both = [ONE, ONE | {"audience": MAIL, "scope": "mail:read"}, ONE]
    answers = await respond(minting, both)
    assert [each.scope for each in answers] == ["notes:read", "mail:read", "notes:read"]
    read = await minting.authority.reader.read(answers[1].access_token, minting.clock())
    assert read.registered


async def test_a_token_that_is_too_long_becomes_a_reference(tmp_path: Path, minting: Installation):
    await minting.add_api("https://small.example", "Small", {"small": "Little"})
    await minting.set_policy("https://small.example", token_bytes=10, over_budget="reference")
    await add_minter(minting, "small", scopes=frozenset({MINT, "small"}))
    described = {"audience": "https://small.example", "scope": "small"}
    answer = await respond(minting, described, "small")
    assert is_spelled(Kind.ACCESS_TOKEN, answer.access_token)


async def test_a_token_that_works_so_often_has_its_uses_written_down(minting: Installation):
    """S54: and no more often than its API allows."""
    answer = await respond(minting, ONE | {"max_uses": 3})
    assert answer.max_uses == 3
    jti = str(unverified_claims(answer.access_token)["jti"])
    kept = await minting.authority.store.read(lambda tx: tx.allowances.find(jti, "uses"))
    assert kept is not None
    assert kept.total == 3
    await minting.add_api("https://few.example", "Few", {"few": "Few"})
    await minting.set_policy("https://few.example", max_uses=2)
    await add_minter(minting, "few", scopes=frozenset({MINT, "few"}))
    few = {"audience": "https://few.example", "scope": "few"}
    with pytest.raises(MintRefused, match=r"\$\.max_uses"):
        await respond(minting, few | {"max_uses": 3}, "few")
    assert (await respond(minting, few, "few")).max_uses == 2


async def test_if_writing_fails_nothing_is_handed_out_or_each_says_so(
    minting: Installation, monkeypatch: pytest.MonkeyPatch
):
    """All or nothing; or each for itself, in so many transactions."""

    async def fails(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("no disk")

    monkeypatch.setattr(type(minting.authority.store), "transact", fails)
    both = [ONE, ONE | {"audience": MAIL, "scope": "mail:read"}]
    with pytest.raises(StoreUnavailable):
        await respond(minting, both)
    first, second = await respond(minting, both, each=True)
    assert isinstance(first, TokenResponse)
    assert [each.error for each in second] == ["temporarily_unavailable"]


async def test_so_many_are_written_down_in_one_transaction(minting: Installation):
    many = [ONE | {"audience": MAIL, "scope": "mail:read"}] * (MOST_WRITTEN + 1)
    with pytest.raises(MintRefused):
        await respond(minting, many)
    answers = await respond(minting, many[:40], each=True)
    assert len({each.access_token for each in answers}) == 40


@pytest.mark.parametrize("alike", [True, False])
async def test_others_have_their_turn_meanwhile(minting: Installation, alike: bool):
    """Whether the tokens are one series, or each is a series of its own."""
    turns = 0
    many = [ONE if alike else ONE | {"lifetime": 60 + number} for number in range(AT_A_TIME * 20)]

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    try:
        await respond(minting, many)
    finally:
        task.cancel()
    assert turns >= (20 if alike else 40)


async def test_one_call_is_one_request_of_a_client_whose_rate_is_limited(minting: Installation):
    await add_minter(minting, "slow", policy=ClientPolicy(rate_per_minute=1))
    assert len(await respond(minting, [ONE, ONE], "slow")) == 2
    with pytest.raises(TooManyRequests):
        await respond(minting, ONE, "slow")
