"""Many tokens from one call: what half of them, or very long ones, could do to the others (S57)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from counterfoil.server.protocol.mint_endpoint import MOST_WRITTEN, POST_QUANTUM
from counterfoil.server.records.client import MINT
from counterfoil.server.records.event import EventKind, EventQuery
from tests.installation import MAIL, NOTES, Installation, installed
from tests.minting import ONE, add_minter, give_right, mint, paths, whom

pytestmark = pytest.mark.anyio


@pytest.mark.one_engine("no row is written")
@pytest.mark.parametrize(
    ("one", "number"),
    [
        ({f"m{number}": number for number in range(40)}, 1000),
        (ONE | {"url": f"{NOTES}/{'/'.join(['!%C3%A9'] * 250)}?{'&'.join(['!=!'] * 250)}"}, 100),
    ],
    ids=["mistakes", "urls"],
)
async def test_a_huge_body_costs_others_no_turn_for_long(
    site: Installation, one: dict[str, Any], number: int
):
    """While so many descriptions are read that each take long, the loop turns after each."""
    await add_minter(site, f"minter-{number}")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    try:
        # No two are alike: those would be read once.
        each = [one | {"lifetime": 60 + at} for at in range(number)]
        answer = await mint(site, each, f"minter-{number}", answer="each")
    finally:
        task.cancel()
    assert answer.status_code == 200
    assert len(answer.json()) == number
    assert turns > number // 2


@pytest.mark.one_engine("how long a signature takes asks no engine")
async def test_signatures_that_take_long_are_fewer_at_once(own: Installation):
    """RFC 9964: one that is post-quantum takes milliseconds; a transaction holds up everybody."""
    await add_minter(own)
    await own.set_policy(NOTES, signing_algorithm="ML-DSA-65")
    await own.authority.store.transact(own.authority.rotation.follow_apis)
    await own.authority.hub.catch_up()
    for _ in range(200):
        if (await mint(own, ONE)).status_code == 200:
            break
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    try:
        await mint(own, [ONE])
        of_one, turns = turns, 0
        assert (await mint(own, [ONE] * 30)).status_code == 200
    finally:
        task.cancel()
    assert turns > of_one + 4
    one = ONE | {"max_uses": 1}
    most = MOST_WRITTEN // POST_QUANTUM
    assert (await mint(own, [one] * most)).status_code == 200
    assert paths(await mint(own, [one] * (most + 1))) == ["$"]
    each = (await mint(own, [one] * (most + 1), answer="each")).json()
    assert all("access_token" in made for made in each)


async def test_half_of_all_or_nothing_is_nothing(own: Installation):
    """S57: One wrong description among those that cost rows, and no row is written."""
    await add_minter(own)
    await own.set_policy(NOTES, token_format="reference")
    answer = await mint(own, [ONE] * 20 + [ONE | {"lifetime": 0}])
    assert answer.status_code == 400
    rows = await own.authority.store.read(lambda tx: tx.issued_tokens.after(NOTES, 0, 100))
    assert rows == []


async def test_half_of_all_or_nothing_for_others_leaves_no_trace(own: Installation):
    """No family, no event, no count: neither where one is refused, nor where it goes wrong."""
    assert own.user is not None
    ada = own.user.id
    eve = await own.add_user("eve@example.com")
    await add_minter(own)
    await give_right(own, ada)
    described = [ONE | {"subject": whom(each)} for each in (ada, eve.id)]
    assert (await mint(own, described)).status_code == 403
    store = own.authority.store
    assert await store.read(lambda tx: tx.mint_rights.made_for_user(ada)) == []
    assert await store.read(lambda tx: tx.families.live_of_user(ada)) == []
    query = EventQuery(kind=EventKind.TOKENS_MINTED)
    assert await store.read(lambda tx: tx.events.find(query)) == []
    first, second = (await mint(own, described, answer="each")).json()
    assert first["access_token"]
    assert second["error"] == "access_denied"
    assert len(await store.read(lambda tx: tx.families.live_of_user(ada))) == 1
    assert await store.read(lambda tx: tx.families.live_of_user(eve.id)) == []


async def untouched(place: Installation) -> bool:
    """Whether nothing says that anything was made for the person."""
    assert place.user is not None
    store, ada, query = (
        place.authority.store,
        place.user.id,
        EventQuery(kind=EventKind.TOKENS_MINTED),
    )
    return not (
        await store.read(lambda tx: tx.mint_rights.made_for_user(ada))
        or await store.read(lambda tx: tx.families.live_of_user(ada))
        or await store.read(lambda tx: tx.events.find(query))
    )


async def test_what_is_too_much_for_one_transaction_leaves_no_trace(own: Installation):
    """It is refused before it is written down that it was made."""
    assert own.user is not None
    await add_minter(own)
    await give_right(own, own.user.id)
    one = ONE | {"subject": whom(own.user.id), "max_uses": 1}
    assert paths(await mint(own, [one] * (MOST_WRITTEN + 1))) == ["$"]
    assert await untouched(own)


async def test_what_must_not_be_read_is_named_and_leaves_no_trace(tmp_path: Path):
    """S69: found out before it is written down, and each description for itself."""
    async with installed(tmp_path, sensitive_claims="act") as place:
        assert place.user is not None
        await add_minter(place)
        await give_right(place, place.user.id)
        described = [ONE, ONE | {"subject": whom(place.user.id)}]
        assert paths(await mint(place, described)) == ["$[1]"]
        fine, exposed = (await mint(place, described, answer="each")).json()
        assert fine["access_token"]
        assert exposed["error"] == "invalid_target"
        assert await untouched(place)


async def test_an_api_that_has_no_key_is_in_nobody_s_way(own: Installation):
    """S57, S68: of those that each have an answer of their own, the others are made."""
    await own.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await add_minter(own, scopes=frozenset({MINT, "notes:read", "mail:read"}))
    await own.set_policy(MAIL, encryption=True)
    described = [ONE, {"audience": MAIL, "scope": "mail:read"}]
    fine, without = (await mint(own, described, answer="each")).json()
    assert fine["access_token"]
    assert without["errors"][0]["path"] == "$[1].audience"
    assert paths(await mint(own, described)) == ["$[1].audience"]
