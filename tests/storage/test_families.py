"""Conformance, on every engine: families of tokens."""

import asyncio

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfoil.oauth.access import Access
from counterfoil.oauth.binding import Binding
from counterfoil.server.records.family import SKEW, Life
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Store, Transaction
from tests.storage.conftest import Clock, Engine
from tests.storage.samples import NOW, add_people, client, family, grant, user

pytestmark = pytest.mark.anyio

SECONDS = st.integers(0, 2**53)
# NUL, which no text of PostgreSQL holds, has tests of its own.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
SCOPES = st.frozensets(TEXTS, max_size=3)
FAMILIES = st.builds(
    family,
    session_id=st.none() | TEXTS,
    access=st.builds(Access, st.dictionaries(TEXTS, SCOPES, max_size=3), SCOPES),
    last_used_at=SECONDS,
    access_expires_at=SECONDS,
    origin=st.builds(Origin, TEXTS, TEXTS),
    binding=st.builds(Binding, TEXTS, TEXTS),
    refresh_generation=SECONDS,
    refresh_digest=st.none() | st.binary(max_size=32),
    ended_at=st.none() | SECONDS,
    ended_why=TEXTS,
    sealed_successor=st.none() | st.binary(max_size=32),
)


@given(st.lists(FAMILIES, max_size=5))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_family_comes_back_field_by_field(engine: Engine, families: list[object]) -> None:
    async with engine.opened(lambda: NOW) as store:
        await store.transact(add_people)
        for number, wanted in enumerate(families):
            named = msgspec.structs.replace(wanted, id=f"family-{number}")
            await store.transact(lambda tx, named=named: tx.families.add(named))
            assert await store.read(lambda tx, named=named: tx.families.find(named.id)) == named


async def test_a_rotation_stores_the_token_the_times_and_the_origin(peopled: Store) -> None:
    await peopled.transact(lambda tx: tx.families.add(family()))
    rotated = family(
        refresh_generation=1,
        refresh_digest=b"\x07" * 32,
        refresh_expires_at=NOW + 9_000,
        rotated_at=NOW + 30,
        last_used_at=NOW + 30,
        access_expires_at=NOW + 330,
        origin=Origin("198.51.100.9", "phone"),
        sealed_successor=b"\x01sealed",
    )
    assert await peopled.transact(lambda tx: tx.families.rotate(rotated, 0))
    assert await peopled.read(lambda tx: tx.families.find("family-1")) == rotated


async def test_a_family_is_rotated_by_exactly_one_of_many(peopled: Store) -> None:
    """OAuth 2.1 §4.3: of many with the same refresh token one gets the successor."""
    await peopled.transact(lambda tx: tx.families.add(family()))
    rivals = [family(refresh_generation=1, refresh_digest=bytes([i])) for i in range(100)]
    races = [
        peopled.transact(lambda tx, rotated=rotated: tx.families.rotate(rotated, 0))
        for rotated in rivals
    ]
    won = await asyncio.gather(*races)
    assert won.count(True) == 1
    found = await peopled.read(lambda tx: tx.families.find("family-1"))
    assert found is not None
    assert found.refresh_digest == bytes([won.index(True)])


async def test_the_life_of_an_access_token_is_never_recorded_as_shorter(peopled: Store) -> None:
    """S41: a notice must live as long as the longest token under the family."""
    await peopled.transact(lambda tx: tx.families.add(family(access_expires_at=NOW + 900)))
    shorter = family(access_expires_at=NOW + 300, refresh_generation=1)
    assert await peopled.transact(lambda tx: tx.families.rotate(shorter, 0))
    found = await peopled.read(lambda tx: tx.families.find("family-1"))
    assert found is not None
    assert found.access_expires_at == NOW + 900


async def test_refresh_tokens_of_a_client_are_clipped_and_never_lengthened(peopled: Store) -> None:
    """By the last use and by the sign-in, whichever is first; offline apart from online."""
    long = {"auth_time": NOW, "last_used_at": NOW + 50, "refresh_expires_at": NOW + 900}
    kinds = {"online": "sid-1", "offline": None}
    for name, session_id in kinds.items():
        made = family(id=name, session_id=session_id, **long)
        await peopled.transact(lambda tx, made=made: tx.families.add(made))

    async def ends(name: str, life: Life, *, offline: bool) -> int:
        await peopled.transact(lambda tx: tx.families.clip("notes-web", life, offline=offline))
        found = await peopled.read(lambda tx: tx.families.find(name))
        assert found is not None
        return found.refresh_expires_at - NOW

    assert await ends("online", Life(100, 500), offline=True) == 900
    assert await ends("online", Life(100, 500), offline=False) == 150
    assert await ends("online", Life(400, 120), offline=False) == 120
    assert await ends("online", Life(400, 500), offline=False) == 120
    assert await ends("offline", Life(10**10, 60), offline=True) == 60
    assert (
        await peopled.transact(lambda tx: tx.families.clip("another", Life(1, 1), offline=True))
        == 0
    )


async def test_a_refresh_token_is_shortened_and_never_lengthened(peopled: Store) -> None:
    """S26: and only that of the one family; its access token stays as it was."""
    before = family(refresh_expires_at=NOW + 900)
    await peopled.transact(lambda tx: tx.families.add(before))
    await peopled.transact(lambda tx: tx.families.add(family(id="other")))
    for at, ends in ((NOW + 901, NOW + 900), (NOW + 60, NOW + 60), (NOW + 90, NOW + 60)):
        await peopled.transact(lambda tx, at=at: tx.families.shorten("family-1", at))
        found = await peopled.read(lambda tx: tx.families.find("family-1"))
        assert found == msgspec.structs.replace(before, refresh_expires_at=ends)
    assert await peopled.read(lambda tx: tx.families.find("other")) == family(id="other")


async def test_families_are_paged_by_id_whether_they_live_or_not(peopled: Store) -> None:
    made = [family(id="b"), family(id="a", ended_at=NOW), family(id="c", refresh_expires_at=1)]
    for each in made:
        await peopled.transact(lambda tx, each=each: tx.families.add(each))

    async def page(after: str, limit: int) -> list[str]:
        found = await peopled.read(lambda tx: tx.families.page(after, limit))
        assert all(each in made for each in found)
        return [each.id for each in found]

    assert await page("", 2) == ["a", "b"]
    assert await page("b", 2) == ["c"]
    assert await page("c", 2) == []


async def test_a_family_is_prolonged_while_it_lives_and_is_not_rotated(peopled: Store) -> None:
    """S41: an access token that is issued without a rotation; its notice must live as long."""

    async def prolong(generation: int, ends: int) -> tuple[bool, int]:
        async def work(tx: Transaction) -> tuple[bool, int]:
            prolonged = await tx.families.prolong("family-1", generation, ends)
            found = await tx.families.find("family-1")
            assert found == family(refresh_generation=3, access_expires_at=found.access_expires_at)
            return prolonged, found.access_expires_at

        return await peopled.transact(work)

    await peopled.transact(lambda tx: tx.families.add(family(refresh_generation=3)))
    assert await prolong(3, NOW + 900) == (True, NOW + 900)
    assert await prolong(3, NOW + 300) == (True, NOW + 900)
    assert await prolong(2, NOW + 999) == (False, NOW + 900)
    assert not await peopled.transact(lambda tx: tx.families.prolong("never", 3, NOW))
    await peopled.transact(lambda tx: tx.families.end("family-1", NOW + 1, "reuse"))
    assert not await peopled.transact(lambda tx: tx.families.prolong("family-1", 3, NOW + 999))


async def test_an_ended_family_never_comes_back(peopled: Store) -> None:
    await peopled.transact(lambda tx: tx.families.add(family()))
    assert await peopled.transact(lambda tx: tx.families.end("family-1", NOW + 1, "reuse"))
    assert not await peopled.transact(lambda tx: tx.families.end("family-1", NOW + 2, "again"))
    assert not await peopled.transact(lambda tx: tx.families.end("never", NOW + 2, "again"))
    assert not await peopled.transact(lambda tx: tx.families.rotate(family(), 0))
    found = await peopled.read(lambda tx: tx.families.find("family-1"))
    assert found == family(ended_at=NOW + 1, ended_why="reuse")
    assert await peopled.read(lambda tx: tx.families.live_of_grant("grant-1")) == []


async def test_live_families_are_found_by_grant_session_and_user(peopled: Store) -> None:
    async def many(tx: Transaction) -> None:
        await tx.users.add(user(id="bob", email="bob@example.org"))
        await tx.clients.add(client(client_id="other"))
        await tx.grants.allow(grant(id="grant-bob", user_id="bob"))
        await tx.grants.allow(grant(id="grant-other", client_id="other"))
        await tx.families.add(family(id="a", session_id=None))
        await tx.families.add(family(id="b", created_at=NOW - 1))
        await tx.families.add(family(id="c", grant_id="grant-bob", user_id="bob"))
        await tx.families.add(
            family(id="d", grant_id="grant-other", client_id="other", session_id="sid-2")
        )
        await tx.families.add(family(id="e", ended_at=NOW))

    async def found(tx: Transaction) -> list[list[str]]:
        lists = [
            await tx.families.live_of_grant("grant-1"),
            await tx.families.live_of_session("sid-1"),
            await tx.families.live_of_user("ada"),
        ]
        return [[live.id for live in families] for families in lists]

    await peopled.transact(many)
    assert await peopled.read(found) == [["b", "a"], ["b", "c"], ["b", "a", "d"]]


async def test_all_live_families_of_a_client_end_at_once(peopled: Store, clock: Clock) -> None:
    """Whoever stands behind them, and none of another client, nor one that has ended or expired."""

    async def many(tx: Transaction) -> None:
        await tx.users.add(user(id="bob", email="bob@example.org"))
        await tx.clients.add(client(client_id="other"))
        await tx.grants.allow(grant(id="grant-bob", user_id="bob"))
        await tx.grants.allow(grant(id="grant-other", client_id="other"))
        await tx.families.add(family(id="a", session_id=None))
        await tx.families.add(family(id="b", grant_id="grant-bob", user_id="bob"))
        await tx.families.add(family(id="c", grant_id="grant-other", client_id="other"))
        await tx.families.add(family(id="d", ended_at=NOW - 5, ended_why="before"))
        await tx.families.add(
            family(id="e", access_expires_at=NOW - SKEW, refresh_expires_at=NOW - SKEW)
        )

    await peopled.transact(many)
    assert await peopled.read(lambda tx: tx.families.count_of_client("notes-web")) == 2
    end = peopled.transact(lambda tx: tx.families.end_of_client("notes-web", NOW, "leak"))
    assert await end == 2
    assert await peopled.read(lambda tx: tx.families.count_of_client("notes-web")) == 0
    assert await peopled.read(lambda tx: tx.families.count_of_client("other")) == 1

    async def ended(tx: Transaction) -> list[tuple[int | None, str]]:
        found = [await tx.families.find(name) for name in "abcde"]
        return [(each.ended_at, each.ended_why) for each in found if each is not None]

    assert await peopled.read(ended) == [
        (NOW, "leak"),
        (NOW, "leak"),
        (None, ""),
        (NOW - 5, "before"),
        (None, ""),
    ]
    again = peopled.transact(lambda tx: tx.families.end_of_client("notes-web", NOW + 1, "again"))
    assert await again == 0


@pytest.mark.parametrize(("later", "is_live"), [(SKEW - 1, True), (SKEW, False)])
async def test_a_family_is_live_for_the_skew_after_its_last_token(
    peopled: Store, clock: Clock, later: int, is_live: bool
) -> None:
    await peopled.transact(lambda tx: tx.families.add(family(refresh_expires_at=0)))
    clock.now = NOW + 300 + later
    assert bool(await peopled.read(lambda tx: tx.families.live_of_grant("grant-1"))) is is_live
