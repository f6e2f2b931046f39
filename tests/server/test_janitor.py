"""The janitor: one of several processes keeps house, unattended, and holds nobody up."""

import asyncio
import logging
import threading
from pathlib import Path

import pytest

from counterfoil.jose.keys import PrivateKey
from counterfoil.server import janitor
from counterfoil.server.janitor import Janitor
from counterfoil.server.keys.rotation import Rotation
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.steadiness import HOLD_SECONDS, Steadiness
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from tests.flows.serving import until
from tests.server.keys.installation import START, Installation, installation

pytestmark = pytest.mark.anyio


def keeper(place: Installation, holder: str = "a") -> Janitor:
    return Janitor(place.store, place.rotation, holder)


async def add_expired_sessions(tx: Transaction, count: int) -> None:
    await tx.users.add(User(id="u", email="u@example.com", created_at=START))
    for number in range(count):
        await tx.sessions.add(
            Session(
                id=str(number),
                digest=number.to_bytes(32, "big"),
                user_id="u",
                auth_time=START,
                last_used_at=START,
                expires_at=START + 1,
                origin=Origin(),
            )
        )


async def sessions_left(place: Installation) -> int:
    return len(await place.store.read(lambda tx: tx.sessions.of_user("u")))


async def test_it_makes_the_next_key_when_that_is_due(tmp_path: Path):
    """S80: on a schedule, unattended."""
    async with installation(tmp_path) as place:
        await place.rotate()
        assert await keeper(place).tick()
        assert len(await place.keys()) == 1
        place.now += place.settings.key_rotation_interval
        assert await keeper(place).tick()
        assert len(await place.keys()) == len(await place.keys(Purpose.FEED)) == 2


async def test_only_the_holder_of_the_lease_does_anything(tmp_path: Path):
    async with installation(tmp_path) as place:
        first, second = keeper(place, "a"), keeper(place, "b")
        assert await first.tick()
        assert not await second.tick()
        assert await first.tick()
        place.now += 3 * place.settings.sweep_interval
        assert await second.tick()
        assert not await first.tick()


async def test_it_removes_everything_that_has_expired_in_bounded_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(janitor, "ROWS_AT_ONCE", 10)
    async with installation(tmp_path) as place:
        await place.store.transact(lambda tx: add_expired_sessions(tx, 95))
        assert await sessions_left(place) == 95
        place.now += 400 * 86_400
        monkeypatch.setattr(janitor, "STEPS_AT_MOST", 3)
        await keeper(place).tick()
        assert await sessions_left(place) == 95 - 30
        monkeypatch.setattr(janitor, "STEPS_AT_MOST", 100)
        await keeper(place).tick()
        assert await sessions_left(place) == 0


class WatchedRotation(Rotation):
    """Fails as often as it is told to; says when all is done, and where keys were made."""

    failures: list[Exception]
    settled: asyncio.Event
    threads: list[threading.Thread]

    def new_key(self, purpose: Purpose = Purpose.TOKENS) -> PrivateKey:
        self.threads.append(threading.current_thread())
        return super().new_key(purpose)

    async def wanted(self, tx: Transaction) -> frozenset[Purpose] | None:
        if self.failures:
            raise self.failures.pop()
        wanted = await super().wanted(tx)
        if wanted is None:
            self.settled.set()
        return wanted


def watched(place: Installation, *failures: Exception) -> WatchedRotation:
    return WatchedRotation(place.settings, place.sealing, list(failures), asyncio.Event(), [])


async def test_keys_are_made_outside_the_loop(tmp_path: Path):
    """A key pair for RSA takes a good part of a second; nobody waits for it."""
    async with installation(tmp_path, signing_algorithm="RS256") as place:
        rotation = watched(place)
        await Janitor(place.store, rotation, "a").tick()
        assert [key.algorithm for key in await place.keys()] == ["RS256"]
        assert len(rotation.threads) == 2
        assert threading.current_thread() not in rotation.threads


async def test_a_failure_is_logged_and_tried_again_until_it_is_cancelled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING)
    async with installation(tmp_path, sweep_interval=0) as place:
        # The store runs a work twice that the engine has failed.
        full = StoreUnavailable("a full disk")
        rotation = watched(place, ValueError("a slip"), full, full)
        running = asyncio.create_task(Janitor(place.store, rotation, "a").run())
        await rotation.settled.wait()
        assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
        assert len(await place.keys()) == 1
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_it_does_the_chores_of_others_until_nothing_is_left(tmp_path: Path):
    """Before it sweeps, and only where it holds the lease."""
    left, done = [2, 1, 0], list[int]()

    async def chore(tx: Transaction) -> int:
        done.append(tx.now)
        return left.pop(0)

    async with installation(tmp_path) as place:
        assert await Janitor(place.store, place.rotation, "a", (chore,)).tick()
        assert done == [START] * 3
        assert not await Janitor(place.store, place.rotation, "b", (chore,)).tick()
        assert len(done) == 3


async def test_while_a_clock_may_be_wrong_nothing_is_removed_and_no_key_is_turned(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """Set forward by a year, and back after some rounds: all stands as it did."""
    caplog.set_level(logging.WARNING)
    async with installation(tmp_path, sweep_interval=0) as place:
        await place.store.transact(lambda tx: add_expired_sessions(tx, 5))
        keeper = Janitor(place.store, place.rotation, "a", (rounds := Rounds(),))
        running = asyncio.create_task(keeper.run())
        await rounds.make(2)
        place.now += 365 * 86_400
        await until(lambda: "the clock leapt by 3153" in caplog.text)
        made = rounds.made
        place.now -= 365 * 86_400
        await until(lambda: "the clock leapt by -3153" in caplog.text)
        assert rounds.made == made
        assert await sessions_left(place) == 5
        assert len(await place.keys()) == 1
        running.cancel()


class Rounds:
    """A chore that counts how often it was done."""

    def __init__(self) -> None:
        self.made = 0

    async def __call__(self, _: Transaction) -> int:
        self.made += 1
        return 0

    async def make(self, count: int) -> None:
        wanted = self.made + count
        await until(lambda: self.made >= wanted)


def test_a_clock_that_leapt_is_trusted_again_after_an_hour():
    steadiness = Steadiness()
    assert steadiness.leapt(1000, 0) == 0
    assert steadiness.leapt(1000 + 660, 600) == 0
    assert not steadiness.holds(600)
    assert steadiness.leapt(9660, 1200) == 7400
    assert steadiness.holds(1200 + HOLD_SECONDS - 1)
    assert steadiness.leapt(9660 + HOLD_SECONDS, 1200 + HOLD_SECONDS) == 0
    assert not steadiness.holds(1200 + HOLD_SECONDS)


def test_a_machine_that_was_busy_is_no_clock_that_leapt():
    """However late a round comes: both clocks have gone on."""
    steadiness = Steadiness()
    steadiness.leapt(1000, 0)
    assert steadiness.leapt(1000 + 90_000, 90_000) == 0
