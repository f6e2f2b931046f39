"""Conformance, on every engine: grants and authorization codes."""

import asyncio

import pytest

from counterfoil.server.records.authorization import MOST_WRONG_VERIFIERS
from counterfoil.server.records.store import Store, Transaction
from tests.storage.conftest import Clock
from tests.storage.samples import (
    NOW,
    READ,
    WRITE,
    authorization,
    client,
    family,
    grant,
    user,
)

pytestmark = pytest.mark.anyio

CODE = authorization().digest


async def test_a_second_consent_changes_the_one_grant(peopled: Store) -> None:
    """S01: one grant per user and client. What stands is exactly what was given last."""
    second = grant(id="grant-2", access=WRITE, created_at=NOW + 5, updated_at=NOW + 5)
    changed = await peopled.transact(lambda tx: tx.grants.allow(second))
    assert changed == grant(access=WRITE, updated_at=NOW + 5)
    assert await peopled.read(lambda tx: tx.grants.between("ada", "notes-web")) == changed
    assert await peopled.read(lambda tx: tx.grants.every()) == [changed]
    assert await peopled.read(lambda tx: tx.grants.find("grant-2")) is None


async def test_consents_at_one_moment_make_one_grant(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    await store.transact(lambda tx: tx.clients.add(client()))
    consents = [grant(id=f"g{i}", access=(READ, WRITE)[i % 2]) for i in range(20)]
    made = await asyncio.gather(
        *(store.transact(lambda tx, new=new: tx.grants.allow(new)) for new in consents)
    )
    assert len({g.id for g in made}) == 1
    [only] = await store.read(lambda tx: tx.grants.of_user("ada"))
    assert only.id == made[0].id
    assert only.access in (READ, WRITE)


async def test_an_end_date_is_set_and_taken_away(peopled: Store) -> None:
    """S13: by a consent, which replaces what stood, or by itself; time never runs backwards."""
    assert await peopled.transact(lambda tx: tx.grants.limit("grant-1", NOW + 9, NOW + 5))
    stands = await peopled.read(lambda tx: tx.grants.find("grant-1"))
    assert stands == grant(ends_at=NOW + 9, updated_at=NOW + 5)
    assert await peopled.transact(lambda tx: tx.grants.limit("grant-1", None, NOW + 1))
    stands = await peopled.read(lambda tx: tx.grants.find("grant-1"))
    assert stands == grant(updated_at=NOW + 5)
    consent = grant(id="grant-2", ends_at=NOW + 7, updated_at=NOW + 6)
    changed = await peopled.transact(lambda tx: tx.grants.allow(consent))
    assert changed == grant(ends_at=NOW + 7, updated_at=NOW + 6)
    await peopled.transact(lambda tx: tx.grants.end("grant-1", NOW + 6))
    assert not await peopled.transact(lambda tx: tx.grants.limit("grant-1", NOW + 9, NOW + 7))
    assert not await peopled.transact(lambda tx: tx.grants.limit("never", NOW + 9, NOW + 7))


async def test_what_is_due_is_what_stands_beyond_its_end_date(peopled: Store, clock: Clock) -> None:
    """S13: oldest first, so many at a time; what has been ended is due no more."""
    for number, ends_at in enumerate([NOW + 3, NOW + 2, None, NOW + 1]):
        of = client(client_id=f"c{number}")
        new = grant(id=f"g{number}", client_id=of.client_id, ends_at=ends_at)
        await peopled.transact(lambda tx, of=of: tx.clients.add(of))
        await peopled.transact(lambda tx, new=new: tx.grants.allow(new))

    async def due(limit: int = 10) -> list[str]:
        return [each.id for each in await peopled.read(lambda tx: tx.grants.due(limit))]

    assert await due() == []
    clock.now = NOW + 2
    assert await due() == ["g3", "g1"]
    assert await due(1) == ["g3"]
    await peopled.transact(lambda tx: tx.grants.end("g3", NOW + 2))
    assert await due() == ["g1"]


async def test_an_ended_grant_never_comes_back_and_a_new_one_begins_anew(peopled: Store) -> None:
    assert await peopled.transact(lambda tx: tx.grants.end("grant-1", NOW + 1))
    assert not await peopled.transact(lambda tx: tx.grants.end("grant-1", NOW + 2))
    assert not await peopled.transact(lambda tx: tx.grants.end("never", NOW + 2))
    assert await peopled.read(lambda tx: tx.grants.between("ada", "notes-web")) is None
    assert await peopled.read(lambda tx: tx.grants.of_user("ada")) == []
    assert await peopled.read(lambda tx: tx.grants.every()) == []
    assert await peopled.read(lambda tx: tx.grants.find("grant-1")) == grant(ended_at=NOW + 1)
    anew = grant(id="grant-2", access=WRITE)
    assert await peopled.transact(lambda tx: tx.grants.allow(anew)) == anew


async def test_grants_are_listed_by_age(peopled: Store) -> None:
    async def more(tx: Transaction) -> None:
        await tx.clients.add(client(client_id="older"))
        await tx.clients.add(client(client_id="newer"))
        await tx.grants.allow(grant(id="a", client_id="newer", created_at=NOW + 9))
        await tx.grants.allow(grant(id="z", client_id="older", created_at=NOW - 9))

    await peopled.transact(more)
    listed = await peopled.read(lambda tx: tx.grants.of_user("ada"))
    assert [g.id for g in listed] == ["z", "grant-1", "a"]


async def test_a_code_is_taken_by_exactly_one_of_many(peopled: Store) -> None:
    """OAuth 2.1 §4.1.3: a code is used at most once, however many ask at one moment."""
    await peopled.transact(lambda tx: tx.authorizations.add(authorization()))
    takers = [
        peopled.transact(lambda tx, f=f"family-{i}": tx.authorizations.take(CODE, f, tx.now))
        for i in range(100)
    ]
    won = [taken for taken in await asyncio.gather(*takers) if taken is not None]
    assert len(won) == 1
    assert won[0].taken_at == NOW
    assert won == [await peopled.read(lambda tx: tx.authorizations.find(CODE))]
    assert won[0] == authorization(taken_at=NOW, family_id=won[0].family_id)


async def test_a_taking_that_is_rolled_back_leaves_the_code_untaken(peopled: Store) -> None:
    await peopled.transact(lambda tx: tx.authorizations.add(authorization()))

    async def stumble(tx: Transaction) -> None:
        assert await tx.authorizations.take(CODE, "family-1", tx.now) is not None
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await peopled.transact(stumble)
    assert await peopled.read(lambda tx: tx.authorizations.find(CODE)) == authorization()


@pytest.mark.parametrize(("later", "is_taken"), [(59, True), (60, False), (61, False)])
async def test_a_code_is_taken_before_it_expires_and_not_after(
    peopled: Store, later: int, is_taken: bool
) -> None:
    await peopled.transact(lambda tx: tx.authorizations.add(authorization()))
    taken = await peopled.transact(lambda tx: tx.authorizations.take(CODE, "f", NOW + later))
    assert (taken is not None) is is_taken


async def test_a_few_wrong_verifiers_end_a_code(peopled: Store, clock: Clock) -> None:
    await peopled.transact(lambda tx: tx.authorizations.add(authorization()))

    async def wrong_verifier(tx: Transaction) -> bool:
        if await tx.authorizations.take(CODE, "family-1", tx.now) is None:
            return False
        await tx.authorizations.put_back(CODE)
        return True

    tries = [await peopled.transact(wrong_verifier) for _ in range(MOST_WRONG_VERIFIERS + 1)]
    assert tries == [True] * MOST_WRONG_VERIFIERS + [False]
    found = await peopled.read(lambda tx: tx.authorizations.find(CODE))
    assert found == authorization(wrong_verifiers=MOST_WRONG_VERIFIERS)
    clock.now = found.expires_at
    assert await peopled.transact(lambda tx: tx.sweep(100)) == 1, "it is no code of a family"


async def test_a_code_from_which_a_family_was_made_is_never_put_back(peopled: Store) -> None:
    async def exchange(tx: Transaction) -> None:
        await tx.authorizations.add(authorization())
        await tx.authorizations.take(CODE, "family-1", tx.now)
        await tx.families.add(family())

    await peopled.transact(exchange)
    await peopled.transact(lambda tx: tx.authorizations.put_back(CODE))
    found = await peopled.read(lambda tx: tx.authorizations.find(CODE))
    assert found == authorization(taken_at=NOW, family_id="family-1")


async def test_codes_die_with_their_grant(peopled: Store) -> None:
    await peopled.transact(lambda tx: tx.authorizations.add(authorization()))
    await peopled.transact(lambda tx: tx.grants.end("grant-1", NOW))
    assert await peopled.transact(lambda tx: tx.authorizations.take(CODE, "f", NOW)) is None


async def test_untaken_codes_die_with_their_session(peopled: Store, clock: Clock) -> None:
    async def three_codes(tx: Transaction) -> None:
        await tx.authorizations.add(authorization(digest=b"taken"))
        await tx.authorizations.add(authorization(digest=b"mine"))
        await tx.authorizations.add(authorization(digest=b"other", session_id="sid-2"))
        await tx.authorizations.take(b"taken", "family-1", tx.now)

    await peopled.transact(three_codes)
    await peopled.transact(lambda tx: tx.authorizations.burn_of_session("sid-1"))
    assert await peopled.transact(lambda tx: tx.authorizations.take(b"mine", "f", NOW)) is None
    assert await peopled.transact(lambda tx: tx.authorizations.take(b"other", "f", NOW))
    assert await peopled.read(lambda tx: tx.authorizations.find(b"taken")) is not None


async def test_untaken_codes_of_a_client_die_with_its_tokens(peopled: Store) -> None:
    async def three_codes(tx: Transaction) -> None:
        await tx.clients.add(client(client_id="other"))
        await tx.grants.allow(grant(id="grant-other", client_id="other"))
        await tx.authorizations.add(authorization(digest=b"taken"))
        await tx.authorizations.add(authorization(digest=b"mine"))
        await tx.authorizations.add(
            authorization(digest=b"other", client_id="other", grant_id="grant-other")
        )
        await tx.authorizations.take(b"taken", "family-1", tx.now)

    await peopled.transact(three_codes)
    await peopled.transact(lambda tx: tx.authorizations.burn_of_client("notes-web"))
    assert await peopled.transact(lambda tx: tx.authorizations.take(b"mine", "f", NOW)) is None
    assert await peopled.transact(lambda tx: tx.authorizations.take(b"other", "f", NOW))
    assert await peopled.read(lambda tx: tx.authorizations.find(b"taken")) is not None


async def test_untaken_codes_die_when_their_grant_is_signed_out(peopled: Store) -> None:
    async def two_codes(tx: Transaction) -> None:
        await tx.authorizations.add(authorization(digest=b"taken"))
        await tx.authorizations.add(authorization(digest=b"mine"))
        await tx.authorizations.take(b"taken", "family-1", tx.now)

    await peopled.transact(two_codes)
    await peopled.transact(lambda tx: tx.authorizations.burn_of_grant("grant-1"))
    assert await peopled.transact(lambda tx: tx.authorizations.take(b"mine", "f", NOW)) is None
    assert await peopled.read(lambda tx: tx.authorizations.find(b"taken")) is not None
