"""Conformance, on every engine: second factors are spent once, and failures counted (S105)."""

import asyncio
from typing import Any

import pytest

from counterfoil.server.records.second_factor import (
    FORGET_AFTER,
    Authenticator,
    FactorFailures,
    Factors,
)
from counterfoil.server.records.store import Store
from counterfoil.server.records.user import ENDED_PASSWORD, User
from tests.storage.conftest import Clock
from tests.storage.samples import NOW

pytestmark = pytest.mark.anyio
APP = Authenticator(user_id="ada", sealed=b"sealed", added_at=NOW, last_step=7)
DIGESTS = [bytes([number]) * 32 for number in range(10)]


@pytest.fixture
async def kept(store: Store) -> Store:
    async def work(tx: Any) -> None:
        assert await tx.second_factors.add_authenticator(APP)
        await tx.second_factors.put_recovery_codes("ada", DIGESTS)

    await store.transact(work)
    return store


async def of(store: Store, user_id: str = "ada") -> Factors:
    return await store.read(lambda tx: tx.second_factors.of_user(user_id))


async def test_what_is_on_is_said(kept: Store):
    assert await of(kept) == Factors(authenticator=True, recovery_codes=10)
    assert await of(kept, "grace") == Factors()
    assert await kept.read(lambda tx: tx.second_factors.authenticator("ada")) == APP
    assert await kept.read(lambda tx: tx.second_factors.authenticator("grace")) is None


async def test_it_is_said_whether_there_is_a_password(kept: Store):
    hashed = User(id="ada", email="ada@example.org", created_at=NOW, password_hash="$argon2id$")
    await kept.transact(lambda tx: tx.users.add(hashed))
    without = User(id="grace", email="grace@example.org", created_at=NOW)
    await kept.transact(lambda tx: tx.users.add(without))
    assert (await of(kept)).password
    assert not (await of(kept, "grace")).password
    await kept.transact(lambda tx: tx.users.set_password("ada", f"{ENDED_PASSWORD}handle"))
    assert not (await of(kept)).password, "nobody signs in by that"


async def test_there_is_one_of_a_person(kept: Store):
    other = Authenticator(user_id="ada", sealed=b"other", added_at=NOW, last_step=0)
    assert not await kept.transact(lambda tx: tx.second_factors.add_authenticator(other))
    assert await kept.read(lambda tx: tx.second_factors.authenticator("ada")) == APP


@pytest.mark.parametrize("beside", [False, True])
async def test_of_many_who_show_a_step_one_is_believed(kept: Store, *, beside: bool):
    spent = await asyncio.gather(
        *(
            kept.transact(lambda tx: tx.second_factors.spend_step("ada", 9), beside=beside)
            for _ in range(10)
        )
    )
    assert spent.count(True) == 1
    for step, good in ((8, False), (9, False), (10, True)):
        assert (
            await kept.transact(lambda tx, step=step: tx.second_factors.spend_step("ada", step))
            is good
        )


async def test_a_recovery_code_is_taken_once_and_by_its_owner(kept: Store):
    async def take(user_id: str = "ada") -> bool:
        return await kept.transact(
            lambda tx: tx.second_factors.take_recovery_code(user_id, DIGESTS[3]), beside=True
        )

    assert not await take("grace")
    taken = await asyncio.gather(*(take() for _ in range(10)))
    assert taken.count(True) == 1
    assert (await of(kept)).recovery_codes == 9


async def test_new_codes_replace_all(kept: Store):
    new = [b"\xaa" * 32, b"\xbb" * 32]
    await kept.transact(lambda tx: tx.second_factors.put_recovery_codes("ada", new))
    assert (await of(kept)).recovery_codes == 2
    assert not await kept.transact(
        lambda tx: tx.second_factors.take_recovery_code("ada", DIGESTS[0])
    )


async def test_failures_are_counted_and_a_lock_is_never_shortened(kept: Store):
    async def failures() -> FactorFailures:
        return await kept.read(lambda tx: tx.second_factors.failures("ada"))

    assert await failures() == FactorFailures()
    for until in (NOW + 50, NOW + 10):
        await kept.transact(lambda tx, until=until: tx.second_factors.note_failure("ada", until))
    assert await failures() == FactorFailures(2, NOW + 50)
    await kept.transact(lambda tx: tx.second_factors.note_success("ada"))
    assert await failures() == FactorFailures()


async def test_all_is_taken_away_at_once(kept: Store):
    await kept.transact(lambda tx: tx.second_factors.note_failure("ada", NOW))
    assert await kept.transact(lambda tx: tx.second_factors.remove("ada"))
    assert await of(kept) == Factors()
    assert await kept.read(lambda tx: tx.second_factors.failures("ada")) == FactorFailures()
    assert not await kept.transact(lambda tx: tx.second_factors.remove("ada"))


async def test_old_failures_are_swept_and_nothing_else(kept: Store, clock: Clock):
    await kept.transact(lambda tx: tx.second_factors.note_failure("ada", NOW))
    clock.now = NOW + FORGET_AFTER - 1
    assert await kept.transact(lambda tx: tx.sweep(100)) == 0
    clock.now += 1
    assert await kept.transact(lambda tx: tx.sweep(100)) == 1
    assert await of(kept) == Factors(authenticator=True, recovery_codes=10)


def test_the_repr_shows_no_secret():
    assert repr(APP) == "Authenticator(user_id='ada')"


async def test_codes_by_mail_are_chosen_once_and_outlive_the_app(kept: Store):
    """Whoever switches their app off keeps them; an account that is removed does not."""
    choose, drop = "choose_mailed_codes", "drop_mailed_codes"
    did = [
        await kept.transact(lambda tx: getattr(tx.second_factors, choose)("ada", NOW)),
        await kept.transact(lambda tx: getattr(tx.second_factors, choose)("ada", NOW + 1)),
    ]
    assert did == [True, False]
    assert (await of(kept)).mailed_since == NOW
    assert await kept.transact(lambda tx: tx.second_factors.remove("ada"))
    assert await of(kept) == Factors(mailed_since=NOW)
    assert (await of(kept, "grace")).mailed_since is None
    assert await kept.transact(lambda tx: getattr(tx.second_factors, drop)("ada"))
    assert not await kept.transact(lambda tx: getattr(tx.second_factors, drop)("ada"))
    await kept.transact(lambda tx: tx.second_factors.choose_mailed_codes("ada", NOW))
    await kept.transact(lambda tx: tx.users.remove("ada"))
    assert await of(kept) == Factors()
