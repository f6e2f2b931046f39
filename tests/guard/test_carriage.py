"""Going by a carrier, and leaving it: here a carrier in memory, and an issuer at the same desk."""

import asyncio
import logging
import sys
from itertools import pairwise

import pytest
from msgspec.structs import force_setattr

from counterfoil.guard import Carrier, Guard, Issuer, Options
from counterfoil.guard import carriage as carriage_module
from counterfoil.guard.carriage import FIRST_PAUSE, Carriage, opening
from counterfoil.guard.feed_reader import FeedReader
from counterfoil.jose.keys import KeySet
from counterfoil.net.carrier import CarrierDown, CarrierFloods
from counterfoil.net.event_stream import event
from counterfoil.oauth.revocations import Ended, Notice
from tests.flows.serving import until
from tests.guard.desk import Desk
from tests.guard.issuer import AUDIENCE

pytestmark = pytest.mark.anyio

SILENCE = 0.3
SECRET = "s3cret"


class InMemory:
    """One connection to the carrier."""

    def __init__(self, kept: list[bytes]) -> None:
        self._kept = kept
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.replays = 0
        self.is_closed = False
        self.is_heard = False

    def put(self, data: bytes) -> None:
        self.is_heard = False
        self._queue.put_nowait(data)

    async def replay(self, since: float) -> None:
        self.replays += 1
        for data in self._kept:
            self.put(data)

    async def next(self) -> bytes:
        self.is_heard = self._queue.empty()
        data = await self._queue.get()
        if data == b"broken":
            raise CarrierDown("the connection was closed")
        if data == b"flood":
            raise CarrierFloods("more comes than can be read")
        return data

    async def close(self) -> None:
        self.is_closed = True


class Place:
    """The guard, its carriage, and the carrier, which the test works by hand."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.desk.state.feed_keys.take(KeySet([self.desk.book.key.public]).as_jwks())
        self.kept: list[bytes] = []
        self.lines: list[InMemory] = []
        self.is_down = self.is_wrong = False
        self.taken = self.tries = 0
        carrier = Carrier(("nats://127.0.0.1",), silence=5)
        force_setattr(carrier, "silence", SILENCE)
        sources = self.desk.clock, lambda: 0.5, self._open
        reader = FeedReader(self.desk.state)
        self.carriage = Carriage(self.desk.state, reader, sources, carrier)

    async def _open(self, _: int) -> InMemory:
        self.tries += 1
        if self.is_wrong:
            raise RuntimeError("a mistake of ours")
        if self.is_down:
            raise CarrierDown("there is nobody")
        self.lines.append(InMemory(self.kept))
        return self.lines[-1]

    def head(self) -> bytes:
        self.desk.clock.now += 0.01
        return event("head", self.desk.book.signed_head(self.desk.clock.now))

    def end(self, family: str) -> bytes:
        position = self.desk.book.add(Notice(Ended.FAMILY, family, 10**10))
        return event("notice", self.desk.book.texts[-1], str(position)) + self.head()

    async def comes(self) -> None:
        """Have the carrier bring a head of now, and wait until one can go by it."""
        coming = self.carriage.begin()
        await until(lambda: bool(self.lines) and not self.lines[-1].is_closed)
        self.lines[-1].put(self.head())
        await asyncio.wait_for(asyncio.shield(coming), 5)

    def note(self) -> None:
        self.taken += 1

    def ride(self) -> "asyncio.Task[None]":
        return asyncio.create_task(self.carriage.ride(self.note))


async def test_it_has_come_when_it_brings_a_head_of_now():
    place = Place()
    old = place.head()
    place.desk.clock.now += 20
    place.desk.state.notices.fresh_at = place.desk.clock.now
    place.carriage.begin()
    await until(lambda: bool(place.lines))
    place.lines[0].put(old)
    place.lines[0].put(b"nonsense")
    await until(lambda: place.lines[0].is_heard)
    assert not place.carriage.has_come
    place.lines[0].put(place.head())
    await until(lambda: place.carriage.has_come)
    assert place.lines[0].replays == 1
    await place.carriage.end()
    assert place.lines[0].is_closed


async def test_what_was_missed_is_replayed_before_one_goes_by_it():
    place = Place()
    place.kept += [place.end("f1"), place.end("f2")]
    await place.comes()
    riding = place.ride()
    await until(lambda: place.desk.state.notices.proven_number == 2)
    assert place.carriage.rides
    place.lines[0].put(place.end("f3"))
    await until(lambda: place.desk.state.notices.proven_number == 3)
    assert place.taken >= 3
    riding.cancel()
    await asyncio.wait({riding})
    assert (place.carriage.rides, place.lines[0].is_closed) == (False, True)


async def test_a_silent_one_is_left(caplog: pytest.LogCaptureFixture):
    """Also one that keeps on sending what proves nothing."""
    place = Place()
    await place.comes()
    old = place.head()
    riding = place.ride()
    while not riding.done():
        place.lines[0].put(old)
        await asyncio.sleep(0.01)
    assert "nothing comes that the issuer has just signed" in caplog.text
    assert place.lines[0].is_closed
    assert not place.carriage.has_come


async def test_one_that_delays_everything_is_left():
    """Each head is genuine, and newer than the last; but none is of now."""
    place = Place()
    await place.comes()
    late = [place.head() for _ in range(500)]
    place.desk.clock.now += 29
    riding = place.ride()
    for head in late:
        place.lines[0].put(head)
        await asyncio.sleep(0.003)
        if riding.done():
            break
    assert riding.done()


async def test_one_that_goes_on_is_gone_by():
    place = Place()
    await place.comes()
    riding = place.ride()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while loop.time() < begun + 3 * SILENCE:
        place.lines[0].put(place.head())
        await asyncio.sleep(0.01)
    assert not riding.done()
    riding.cancel()
    await asyncio.wait({riding})


async def test_one_that_lies_is_left_at_once():
    place = Place()
    await place.comes()
    riding = place.ride()
    place.end("f1")
    lie = Notice(Ended.FAMILY, "f2", 10**10).text()
    place.lines[0].put(event("notice", lie, "e1:1") + place.head())
    await asyncio.wait_for(riding, SILENCE / 2)
    assert len(place.desk.state.notices) == 0


async def test_a_broken_connection_is_made_anew_and_what_was_missed_is_replayed(
    monkeypatch: pytest.MonkeyPatch,
):
    """It is tried again and again while there is time."""
    monkeypatch.setattr(carriage_module, "_REOPEN_WAIT", 0.01)
    place = Place()
    await place.comes()
    riding = place.ride()
    place.is_down = True
    place.lines[0].put(b"broken")
    await until(lambda: place.tries >= 3)
    assert place.lines[0].is_closed
    place.kept.append(place.end("f1"))
    place.is_down = False
    await until(lambda: place.desk.state.notices.proven_number == 1)
    assert [each.replays for each in place.lines] == [1, 1]
    assert not riding.done()
    riding.cancel()
    await asyncio.wait({riding})
    assert place.lines[1].is_closed


async def test_a_connection_that_cannot_be_made_anew_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
):
    """One that is silent may have a reason; this one has gone."""
    monkeypatch.setattr(carriage_module, "REOPEN_WITHIN", 0.1)
    place = Place()
    place.carriage._silence = 60.0
    await place.comes()
    riding = place.ride()
    place.is_down = True
    place.lines[0].put(b"broken")
    await asyncio.wait_for(riding, 5)


async def test_a_flood_is_left_and_not_connected_to_anew():
    """With true heads in it a guard would otherwise be at it for ever, and do nothing else."""
    place = Place()
    place.carriage._silence = 60.0
    await place.comes()
    riding = place.ride()
    place.lines[0].put(place.head())
    place.lines[0].put(b"flood")
    await asyncio.wait_for(riding, 5)
    assert len(place.lines) == 1
    assert place.carriage._again_at > asyncio.get_running_loop().time()


async def test_it_is_tried_again_later_and_later_and_said_once(caplog: pytest.LogCaptureFixture):
    place = Place()
    place.is_down = True
    loop = asyncio.get_running_loop()
    place.carriage.begin()
    waits = []
    for _ in range(8):
        tried = place.carriage._failures
        await until(lambda tried=tried: place.carriage._failures > tried)
        waits.append(place.carriage._again_at - loop.time())
        await place.carriage.end()
        place.carriage._again_at = 0.0
        place.carriage.begin()
    await place.carriage.end()
    assert waits[0] == pytest.approx(FIRST_PAUSE * 0.75, abs=0.1)
    assert [later / sooner for sooner, later in pairwise(waits[:6])] == (
        pytest.approx([2] * 5, rel=0.1)
    )
    assert 30 <= waits[-1] <= 60
    said = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(said) == 1
    assert "there is nobody" in said[0].getMessage()


async def test_a_mistake_of_ours_leads_to_the_issuer_and_no_sooner_back(
    caplog: pytest.LogCaptureFixture,
):
    place = Place()
    await place.comes()

    def mistaken() -> None:
        if place.carriage.rides:
            raise RuntimeError

    await place.carriage.ride(mistaken)
    assert "going by its carrier failed" in caplog.text
    assert place.lines[0].is_closed
    assert place.carriage._again_at > asyncio.get_running_loop().time()


async def test_heads_of_a_stranger_are_not_waited_through(caplog: pytest.LogCaptureFixture):
    """A flood of them costs one verification, and one line in the log, each time."""
    place = Place()
    place.carriage.begin()
    await until(lambda: bool(place.lines))
    for _ in range(1000):
        place.lines[0].put(event("head", "x.y.z"))
    await until(lambda: place.lines[0].is_closed)
    assert caplog.text.count("a head is not believed") == 1
    await place.carriage.end()


def test_after_a_fork_it_begins_anew():
    """The child has what the parent was about, which will never be done."""
    place = Place()

    async def begun() -> None:
        place.carriage.begin()
        await asyncio.sleep(0)

    asyncio.run(begun())

    async def anew() -> None:
        place.carriage.start()
        await place.comes()
        assert place.carriage.has_come
        await place.carriage.end()

    asyncio.run(anew())


def test_without_its_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    """And only where a carrier is asked for."""
    monkeypatch.setitem(sys.modules, "nats", None)
    issuer = Issuer("https://issuer.example", carrier=Carrier(("nats://127.0.0.1",)))
    with pytest.raises(ValueError, match=r"pip install 'counterfoil\[nats\]'"):
        Guard(issuers=[issuer], audience=AUDIENCE)
    Guard("https://issuer.example", audience=AUDIENCE, options=Options())


def test_credentials_in_a_file_need_a_library_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
):
    carrier = Carrier(("nats://127.0.0.1",), credentials_file=tmp_path_factory.mktemp("x") / "c")
    assert opening(carrier, "https://issuer.example")
    monkeypatch.setitem(sys.modules, "nkeys", None)
    with pytest.raises(ValueError, match=r"counterfoil\[nats\]"):
        opening(carrier, "https://issuer.example")


async def test_one_that_went_well_for_long_is_trusted_again_as_at_first(
    monkeypatch: pytest.MonkeyPatch,
):
    """A carrier that breaks once in an hour is not kept away from for a minute each time."""
    place = Place()
    for steady, failures in ((60.0, 2), (0.0, 1)):
        monkeypatch.setattr(carriage_module, "STEADY", steady)
        place.carriage._failures, place.carriage._again_at = 1, 0.0
        await place.comes()
        riding = place.ride()
        place.lines[-1].put(b"flood")
        await riding
        assert place.carriage._failures == failures


async def test_a_mistake_of_ours_while_it_is_watched_is_logged_and_tried_again(
    caplog: pytest.LogCaptureFixture,
):
    place = Place()
    place.is_wrong = True
    place.carriage.begin()
    await until(lambda: place.carriage._failures == 1)
    assert "watching its carrier failed" in caplog.text
    assert not place.carriage.has_come
    place.is_wrong, place.carriage._again_at = False, 0.0
    await place.carriage.end()
    await place.comes()
    assert place.carriage.has_come
    await place.carriage.end()


async def test_one_that_is_silent_from_the_beginning_is_let_go(caplog: pytest.LogCaptureFixture):
    """And its connection with it: a dead one must not be held for ever."""
    place = Place()
    place.carriage.begin()
    await until(lambda: place.carriage._failures == 1)
    assert "nothing comes that the issuer has just signed" in caplog.text
    assert place.lines[0].is_closed
    await place.carriage.end()


async def test_a_guard_that_never_heard_its_issuer_replays_nothing():
    """Nobody could say from when on; the issuer's snapshot says it all."""
    place = Place()
    place.desk.state.notices.fresh_at = float("-inf")
    line = InMemory([])
    await place.carriage.replay(line)
    assert line.replays == 0
    place.desk.state.notices.fresh_at = place.desk.clock.now
    await place.carriage.replay(line)
    assert line.replays == 1
