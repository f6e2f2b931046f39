"""Conformance, on every engine: rights to mint, and what was made by them (S58)."""

import pytest
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.server.records.family import SKEW
from counterfoil.server.records.mint_right import MadeFor, MintRight
from counterfoil.server.records.store import Store, Transaction
from counterfoil.server.storage.statements.mint_rights import KEPT_SECONDS
from tests.storage.conftest import Clock
from tests.storage.samples import NOTES, NOW, add_people, family, grant

pytestmark = pytest.mark.anyio

RIGHT = MintRight(
    id="right",
    client_id="notes-web",
    access=Access({NOTES: frozenset({"notes:read"})}),
    longest=60,
    created_at=NOW,
    ends_at=NOW + 1000,
    given_by="cli",
    users=("ada",),
)


@pytest.fixture(autouse=True)
async def given(store: Store) -> None:
    async def work(tx: Transaction) -> None:
        await add_people(tx)
        await tx.mint_rights.add(RIGHT)

    await store.transact(work)


async def make(store: Store, family_id: str = "f", tokens: int = 2) -> None:
    async def work(tx: Transaction) -> None:
        await tx.grants.add_ended(grant(id="g"))
        made = family(
            id=family_id,
            grant_id="g",
            session_id=None,
            access_expires_at=NOW + 60,
            refresh_expires_at=0,
        )
        await tx.families.add(made)
        await tx.mint_rights.count(MadeFor(family_id, "right", "ada", tokens))

    await store.transact(work)


async def test_a_right_is_found_as_it_was_given(store: Store):
    assert await store.read(lambda tx: tx.mint_rights.find("right")) == RIGHT
    anybody = replace(RIGHT, id="other", users=(), any_user=True, created_at=NOW + 1)
    await store.transact(lambda tx: tx.mint_rights.add(anybody))
    assert await store.read(lambda tx: tx.mint_rights.of_client("notes-web")) == [RIGHT, anybody]
    assert await store.read(lambda tx: tx.mint_rights.of_client("other")) == []


async def test_it_is_withdrawn_once_and_never_comes_back(store: Store):
    assert await store.transact(lambda tx: tx.mint_rights.withdraw("right", NOW + 5))
    assert not await store.transact(lambda tx: tx.mint_rights.withdraw("right", NOW + 6))
    assert not await store.transact(lambda tx: tx.mint_rights.withdraw("nothing", NOW + 6))
    found = await store.read(lambda tx: tx.mint_rights.find("right"))
    assert found == replace(RIGHT, ended_at=NOW + 5)
    assert await store.read(lambda tx: tx.mint_rights.of_client("notes-web")) == []


async def test_what_was_made_is_counted_under_its_family(store: Store):
    await make(store)
    await store.transact(lambda tx: tx.mint_rights.count(MadeFor("f", "right", "ada", 3)))
    made = MadeFor("f", "right", "ada", 5)
    assert await store.read(lambda tx: tx.mint_rights.live_made_for("right", "ada")) == made
    assert await store.read(lambda tx: tx.mint_rights.live_made_for("right", "eve")) is None
    assert await store.read(lambda tx: tx.mint_rights.made_by("right")) == [made]
    assert await store.read(lambda tx: tx.mint_rights.made_for_user("ada")) == [made]
    assert await store.read(lambda tx: tx.mint_rights.of_family("f")) == made
    assert await store.read(lambda tx: tx.mint_rights.of_family("g")) is None


async def test_an_ended_family_is_not_gone_on_with(store: Store):
    await make(store)
    await store.transact(lambda tx: tx.families.end("f", NOW, "ended"))
    assert await store.read(lambda tx: tx.mint_rights.live_made_for("right", "ada")) is None
    assert await store.read(lambda tx: tx.mint_rights.made_by("right")) == []


async def test_the_permission_under_it_never_stood(store: Store):
    """No consent is to be taken from it, and what the person did allow stays as it is."""
    await make(store)
    assert await store.read(lambda tx: tx.grants.of_user("ada")) == [grant()]
    await store.transact(lambda tx: tx.grants.end("grant-1", NOW))
    assert await store.read(lambda tx: tx.grants.between("ada", "notes-web")) is None
    found = await store.read(lambda tx: tx.grants.find("g"))
    assert found is not None
    assert not found.is_live(NOW)
    assert len(await store.read(lambda tx: tx.families.live_of_user("ada"))) == 1


async def test_all_of_it_is_swept_when_it_can_matter_no_more(store: Store, clock: Clock):
    await make(store)
    clock.now = NOW + 60 + SKEW
    await store.transact(lambda tx: tx.sweep(100))
    assert await store.read(lambda tx: tx.mint_rights.of_family("f")) is None
    assert await store.read(lambda tx: tx.grants.find("g")) is None
    assert await store.read(lambda tx: tx.mint_rights.find("right")) is not None
    clock.now = NOW + 1000 + KEPT_SECONDS
    await store.transact(lambda tx: tx.sweep(100))
    assert await store.read(lambda tx: tx.mint_rights.find("right")) is None


async def test_one_that_was_withdrawn_is_swept_long_before_it_would_have_ended(
    store: Store, clock: Clock
):
    await store.transact(
        lambda tx: tx.mint_rights.add(replace(RIGHT, id="long", ends_at=NOW + 10**8))
    )
    await store.transact(lambda tx: tx.mint_rights.withdraw("long", NOW))
    for now, is_there in ((NOW + KEPT_SECONDS - 1, True), (NOW + KEPT_SECONDS, False)):
        clock.now = now
        await store.transact(lambda tx: tx.sweep(100))
        found = await store.read(lambda tx: tx.mint_rights.find("long"))
        assert (found is not None) is is_there
