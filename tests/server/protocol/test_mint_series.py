"""Descriptions that are alike are decided once, and their tokens differ in their handle alone."""

from typing import Any

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.allowances import USES
from counterfoil.server.protocol import mint_decisions
from counterfoil.server.protocol.mint_decisions import Ground
from tests.installation import MAIL, NOTES, Installation
from tests.minting import ONE, add_minter, give_right, mint, whom

pytestmark = pytest.mark.anyio
OTHER = ONE | {"scope": "notes:write"}
WRONG = ONE | {"lifetime": 0}


@pytest.fixture(scope="module")
async def minting(place: Installation) -> Installation:
    await add_minter(place)
    return place


def claims_of(answer: Any) -> list[dict[str, Any]]:
    return [unverified_claims(each["access_token"]) for each in answer.json()]


async def test_each_is_a_token_of_its_own_and_stands_at_its_place(minting: Installation):
    """S57: whichever are alike, and however they are mixed."""
    asked = [ONE, OTHER, ONE, ONE, OTHER]
    claims = claims_of(await mint(minting, asked))
    assert [each["scope"] for each in claims] == [each["scope"] for each in asked]
    assert len({each["jti"] for each in claims}) == 5
    rest = [{name: value for name, value in each.items() if name != "jti"} for each in claims]
    assert rest[0] == rest[2] == rest[3]


async def test_what_is_alike_is_decided_once(
    minting: Installation, monkeypatch: pytest.MonkeyPatch
):
    asked = list[str]()
    keep = mint_decisions._access

    def noted(ground: Ground, described: Any) -> Any:
        asked.append(described.scope)
        return keep(ground, described)

    monkeypatch.setattr(mint_decisions, "_access", noted)
    assert len(claims_of(await mint(minting, [ONE, OTHER] * 50))) == 100
    assert sorted(asked) == ["notes:read", "notes:write"]


async def test_a_mistake_is_named_wherever_it_stands(minting: Installation):
    refused = (await mint(minting, [WRONG, ONE, WRONG])).json()
    assert [each["path"] for each in refused["errors"]] == ["$[0].lifetime", "$[2].lifetime"]
    first, made, last = (await mint(minting, [WRONG, ONE, WRONG], answer="each")).json()
    assert [each["errors"][0]["path"] for each in (first, last)] == [
        "$[0].lifetime",
        "$[2].lifetime",
    ]
    assert made["token_type"] == "Bearer"


async def test_mistakes_beyond_those_named_are_counted(minting: Installation):
    refused = (await mint(minting, [WRONG] * 250)).json()
    assert (len(refused["errors"]), refused["more"]) == (100, 150)


async def test_what_is_of_each_is_decided_for_each(minting: Installation):
    """S53: the hash of a URL is made with the token's own name."""
    bound = ONE | {"url": f"{NOTES}/files/7", "url_hashed": True}
    hashes = [each["url_bound"]["hash"] for each in claims_of(await mint(minting, [bound] * 3))]
    assert len(set(hashes)) == 3


async def test_each_token_for_a_person_is_counted_and_names_its_family(minting: Installation):
    """S58."""
    person = await minting.add_user("grace@example.com")
    right = await give_right(minting, person.id)
    claims = claims_of(await mint(minting, [ONE | {"subject": whom(person.id)}] * 3))
    assert len({each["jti"] for each in claims}) == 3
    made = await minting.authority.store.read(
        lambda tx: tx.mint_rights.live_made_for(right.id, person.id)
    )
    assert {each["fam"] for each in claims} == {made.family_id}
    assert made.tokens == 3


async def test_those_that_are_written_down_have_a_row_each(minting: Installation):
    """S54."""
    limited = ONE | {"max_uses": 3}
    claims = claims_of(await mint(minting, [limited, ONE, limited]))
    found = [
        await minting.authority.store.read(
            lambda tx, jti=each["jti"]: tx.allowances.find(jti, USES)
        )
        for each in claims
    ]
    assert [each.total if each else None for each in found] == [3, None, 3]


async def test_those_that_are_too_long_become_references_each_by_itself(minting: Installation):
    """S66."""
    await minting.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await add_minter(minting, "long", scopes=frozenset({"mint", "mail:read"}))
    await minting.set_policy(MAIL, token_bytes=100, over_budget="reference")
    answer = await mint(minting, [{"audience": MAIL, "scope": "mail:read"}] * 3, "long")
    tokens = {each["access_token"] for each in answer.json()}
    assert len(tokens) == 3
    assert not any("." in each for each in tokens)
