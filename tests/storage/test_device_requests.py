"""Conformance, on every engine: what devices without a browser ask for (RFC 8628)."""

import asyncio
from typing import Any

import msgspec
import pytest

from counterfoil.server.records.device_request import (
    KEPT_SECONDS,
    LONGEST_INTERVAL,
    DeviceRequest,
    DeviceState,
)
from counterfoil.server.records.store import Store
from tests.storage.conftest import Clock
from tests.storage.samples import LAPTOP, NOW, READ

pytestmark = pytest.mark.anyio

DIGEST, CODE = b"\x0a" * 32, b"\x0b" * 32


def asked(**fields: Any) -> DeviceRequest:
    whole = DeviceRequest(
        digest=DIGEST,
        user_code=CODE,
        client_id="tv",
        access=READ,
        origin=LAPTOP,
        created_at=NOW,
        expires_at=NOW + 600,
        poll_interval=5,
        dpop_jkt="x" * 43,
    )
    return msgspec.structs.replace(whole, **fields)


@pytest.fixture
async def waiting(store: Store) -> Store:
    assert await store.transact(lambda tx: tx.device_requests.add(asked()))
    return store


async def poll(store: Store, at: int, client_id: str = "tv") -> DeviceRequest | None:
    return await store.transact(
        lambda tx: tx.device_requests.poll(DIGEST, client_id, at), beside=True
    )


async def decide(store: Store, state: DeviceState, at: int = NOW) -> bool:
    return await store.transact(lambda tx: tx.device_requests.decide(DIGEST, state, at))


async def test_it_is_found_by_what_the_person_types(waiting: Store) -> None:
    found = await waiting.read(lambda tx: tx.device_requests.find_by_user_code(CODE))
    assert found == asked()
    assert await waiting.read(lambda tx: tx.device_requests.find_by_user_code(DIGEST)) is None


@pytest.mark.parametrize("taken", [{"digest": b"\x0c" * 32}, {"user_code": b"\x0c" * 32}], ids=str)
async def test_no_code_is_anothers(waiting: Store, taken: dict[str, bytes]) -> None:
    """A second request under one of the codes is not added, and changes nothing."""
    second = asked(client_id="other", **taken)
    assert not await waiting.transact(lambda tx: tx.device_requests.add(second))
    assert await waiting.read(lambda tx: tx.device_requests.find_by_user_code(CODE)) == asked()


async def test_a_poll_that_comes_too_early_makes_the_interval_longer(waiting: Store) -> None:
    assert await poll(waiting, NOW) == asked()
    assert await poll(waiting, NOW + 1) == asked(hurried=True, poll_interval=10)
    assert await poll(waiting, NOW + 6) == asked(hurried=True, poll_interval=15)
    assert await poll(waiting, NOW + 21) == asked(poll_interval=15)


async def test_a_poll_may_seem_a_second_early_for_clocks_count_whole_ones(waiting: Store) -> None:
    await poll(waiting, NOW)
    assert await poll(waiting, NOW + 4) == asked()
    assert await poll(waiting, NOW + 7) == asked(hurried=True, poll_interval=10)


async def test_the_interval_has_an_end(waiting: Store) -> None:
    for _ in range(50):
        found = await poll(waiting, NOW)
    assert found is not None
    assert found.poll_interval == LONGEST_INTERVAL


async def test_of_polls_at_one_moment_one_is_in_time(waiting: Store) -> None:
    found = await asyncio.gather(*(poll(waiting, NOW) for _ in range(20)))
    assert sorted(each.hurried for each in found if each) == [False] + [True] * 19


async def test_another_client_polls_in_vain(waiting: Store) -> None:
    assert await poll(waiting, NOW, "other") is None
    assert await poll(waiting, NOW) == asked(), "and has hurried nobody"


async def test_it_is_decided_once(waiting: Store) -> None:
    decisions = [DeviceState.ALLOWED, DeviceState.DENIED] * 10
    taken = await asyncio.gather(*(decide(waiting, state) for state in decisions))
    assert sorted(taken) == [False] * 19 + [True]
    first = decisions[taken.index(True)]
    found = await poll(waiting, NOW)
    assert found is not None
    assert found.state is first


async def test_what_has_expired_is_not_decided(waiting: Store) -> None:
    assert not await decide(waiting, DeviceState.ALLOWED, NOW + 600)
    assert await decide(waiting, DeviceState.ALLOWED, NOW + 599)


async def test_there_may_be_so_many(waiting: Store) -> None:
    assert await waiting.read(lambda tx: tx.device_requests.are_full(1))
    assert not await waiting.read(lambda tx: tx.device_requests.are_full(2))


async def test_it_is_swept_a_while_after_it_has_expired(waiting: Store, clock: Clock) -> None:
    """Until then the device is told that it has."""
    clock.now = NOW + 600 + KEPT_SECONDS - 1
    assert await waiting.transact(lambda tx: tx.sweep(100)) == 0
    clock.now += 1
    assert await waiting.transact(lambda tx: tx.sweep(100)) == 1
    assert await poll(waiting, NOW) is None


async def test_beginning_anew_forgets_them(waiting: Store) -> None:
    """A restored backup must not let somebody answer again."""
    await waiting.transact(lambda tx: tx.beginnings.end_everything(NOW, "restored"))
    assert await poll(waiting, NOW) is None
