"""Having the feed carried: exactly what followers are told, by one process, and in nobody's way."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.guard import Guard
from counterfoil.guard.carried import CarriedReader
from counterfoil.guard.feed_reader import FeedReader
from counterfoil.guard.notices import Verdict
from counterfoil.jose.jwt import unverified_claims
from counterfoil.net.carrier import CarrierDown, NatsServers, NatsUrl
from counterfoil.net.event_stream import Event, EventParser, event
from counterfoil.net.jetstream import Keeping, Stream
from counterfoil.oauth.feed import Position, carried
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.hub import publisher as publisher_module
from counterfoil.server.hub.publisher import LEASE, Publisher, Standing, pieces_of
from counterfoil.server.records.failures import Overloaded, StoreUnavailable
from counterfoil.server.records.lease import CARRIER
from counterfoil.server.records.signing_key import Purpose
from tests.flows.serving import until
from tests.guard.issuer import AUDIENCE
from tests.installation import Installation, installed
from tests.nats import running

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "RENEW", 0.02)
    monkeypatch.setattr(publisher_module, "AGAIN", 0.02)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path, head_interval_ms=50) as place:
        yield place


class Shelf:
    """A carrier in memory: what was put there, and how it takes more."""

    def __init__(self) -> None:
        self.put_there: list[tuple[bytes, str]] = []
        self.opened = 0
        self.open_now = 0
        self.longest = 512 * 1024
        self.taking: Callable[[], Awaitable[None]] | None = None
        self.trouble = ""
        self.prepared = 0
        self.is_connected = True
        self.heard: list[bytes] = []

    async def open(self) -> "Shelf":
        if self.trouble:
            raise CarrierDown(self.trouble)
        self.opened += 1
        self.open_now += 1
        return self

    @property
    def is_open(self) -> bool:
        return self.is_connected

    async def prepare(self) -> None:
        self.prepared += 1

    async def last(self) -> str:
        return self.put_there[-1][1] if self.put_there else ""

    async def put(self, data: bytes, position: str) -> None:
        if self.taking is not None:
            await self.taking()
        self.heard.append(data)
        if self.trouble:
            raise CarrierDown(self.trouble)
        self.put_there.append((data, position))

    async def close(self) -> None:
        self.open_now -= 1

    @property
    def events(self) -> list[Event]:
        return [each for data, _ in self.put_there for each in EventParser().feed(data)]

    @property
    def notices(self) -> list[tuple[str, str]]:
        return [(each.last_id, each.data) for each in self.events if each.name == "notice"]


def publisher(place: Installation, shelf: Shelf, holder: str = "a") -> Publisher:
    return Publisher(place.authority.hub, place.authority.store, holder, shelf.open)


async def turned(publisher: Publisher) -> None:
    """Wait until it has asked whose turn it is."""
    await until(lambda: publisher._renewed_at > float("-inf"))


@asynccontextmanager
async def at_work(publisher: Publisher, place: Installation) -> AsyncIterator[None]:
    task = asyncio.create_task(publisher.run(place.clock))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def append(place: Installation, *names: str, until: int = 10**10) -> Position:
    notices = [Notice(Ended.FAMILY, name, until) for name in names]
    return await place.authority.store.transact(lambda tx: tx.notices.append(notices))


async def stored(place: Installation) -> list[tuple[str, str]]:
    epoch = place.authority.hub.position.epoch
    rows = await place.authority.store.read(lambda tx: tx.notices.after(0, 1000))
    return [(f"{epoch}:{number}", text.decode()) for number, text in rows]


class Told:
    """A guard that is told by the carrier alone, from the beginning of the feed."""

    def __init__(self, place: Installation) -> None:
        authority = place.authority
        guard = Guard(place.issuer, audience=AUDIENCE)
        self.notices = guard._states[place.issuer].notices
        state = guard._states[place.issuer]
        jwks = authority.keyring.jwks(Purpose.FEED, int(place.clock()))
        state.feed_keys.take(msgspec.json.decode(jwks))
        self._place = place
        self._reader = CarriedReader(self.notices, FeedReader(state))
        self._state = state

    async def begin(self) -> None:
        reader = FeedReader(self._state)
        snapshot = reader.snapshot(self._place.clock())
        reading = await self._place.authority.snapshots.newest(self._place.clock)
        async for piece in reading:
            snapshot.feed(piece)
        await reading.aclose()
        assert reader.begin(snapshot, self._place.clock())

    def take(self, data: bytes) -> Verdict:
        return self._reader.take(data, self._place.clock())


async def test_what_is_put_is_what_followers_are_told(place: Installation):
    shelf = Shelf()
    told = Told(place)
    await told.begin()
    async with at_work(publisher(place, shelf), place):
        await until(lambda: bool(shelf.put_there))
        for number in range(3):
            await append(place, f"a{number}", f"b{number}")
            await until(lambda number=number: len(shelf.notices) == 2 * (number + 1))
    assert shelf.notices == (await stored(place))[-6:]
    for data, position in shelf.put_there:
        assert told.take(data) is Verdict.GO_ON
        assert str(told.notices.position) == position
    assert told.notices.proven_number == place.authority.hub.position.number
    assert shelf.open_now == 0


async def test_every_line_comes_with_its_proof(tmp_path: Path):
    """Guards count nothing before, and need not wait for the next head: here it is far away."""
    shelf = Shelf()
    async with (
        installed(tmp_path, head_interval_ms=2000) as place,
        at_work(publisher(place, shelf), place),
    ):
        await until(lambda: bool(shelf.put_there))
        for number in range(3):
            await append(place, f"a{number}", f"b{number}")
            await until(lambda number=number: len(shelf.notices) == 2 * (number + 1))
            assert_proved(shelf, place.authority.hub.position)


def assert_proved(shelf: Shelf, position: Position) -> None:
    """The last piece with lines ends with a head that speaks of them."""
    piece = [data for data, _ in shelf.put_there if b"event: notice" in data][-1]
    events = EventParser().feed(piece)
    assert [each.name for each in events[:2]] == ["notice", "notice"]
    assert events[-1].name == "head"
    assert unverified_claims(events[-1].data)["number"] == position.number


async def test_what_was_not_put_is_put_later_and_nothing_twice(place: Installation):
    shelf = Shelf()
    async with at_work(publisher(place, shelf), place):
        await until(lambda: bool(shelf.put_there))
        await append(place, "a")
        await until(lambda: len(shelf.notices) == 1)
    await append(place, *(f"missed{number}" for number in range(600)))
    async with at_work(publisher(place, shelf, "b"), place):
        await append(place, "last")
        await until(lambda: len(shelf.notices) >= 602)
    assert shelf.notices == (await stored(place))[-602:]


async def test_what_has_been_swept_away_is_left_out(place: Installation):
    """Guards see the gap, and ask the issuer."""
    shelf = Shelf()
    async with at_work(publisher(place, shelf), place):
        await until(lambda: bool(shelf.put_there))
    await append(place, *(f"old{number}" for number in range(5000)), until=1)
    await place.authority.store.transact(lambda tx: tx.sweep(10_000))
    await append(place, "young")
    await place.authority.hub.catch_up()
    one, seen = publisher(place, shelf), len(shelf.put_there)
    async with at_work(one, place):
        await until(lambda: len(shelf.put_there) > seen)
        last = await append(place, "youngest")
        await until(lambda: bool(shelf.notices))
        await until(lambda: shelf.put_there[-1][1] == str(last))
    assert shelf.notices == (await stored(place))[-len(shelf.notices) :]


@pytest.mark.parametrize("said", ["", "nonsense", "other-epoch:3", "{epoch}:999999", "{epoch}:-1"])
async def test_whatever_the_carrier_says_it_holds(place: Installation, said: str):
    shelf = Shelf()
    shelf.put_there = [(b"", said.format(epoch=place.authority.hub.position.epoch))]
    async with at_work(publisher(place, shelf), place):
        await until(lambda: len(shelf.put_there) > 1)
        await append(place, "a")
        await until(lambda: len(shelf.notices) == 1)


async def test_one_process_puts_and_another_takes_over_from_one_that_stops(place: Installation):
    """At once: the lease is given up, and the clock of this test stands still."""
    shelf = Shelf()
    one, other = publisher(place, shelf, "a"), publisher(place, shelf, "b")
    async with AsyncExitStack() as later:
        async with at_work(one, place):
            await until(lambda: one.standing is Standing.CARRIES)
            await later.enter_async_context(at_work(other, place))
            await append(place, "a")
            await until(lambda: len(shelf.notices) == 1)
            await turned(other)
            assert (other.standing, shelf.opened) == (Standing.STANDS_BY, 1)
        await until(lambda: other.standing is Standing.CARRIES)
        await append(place, "b")
        await until(lambda: len(shelf.notices) == 2)


async def test_another_takes_over_from_one_that_is_gone_without_a_word(place: Installation):
    shelf = Shelf()
    await place.authority.store.transact(lambda tx: tx.leases.take(CARRIER, "gone", LEASE))
    one = publisher(place, shelf)
    async with at_work(one, place):
        await turned(one)
        assert (one.standing, shelf.put_there) == (Standing.STANDS_BY, [])
        place.clock.turn(LEASE + 1)
        await until(lambda: one.standing is Standing.CARRIES)


async def test_one_that_cannot_reach_it_lets_another_try(place: Installation):
    broken, sound = Shelf(), Shelf()
    broken.trouble = "unreachable from here"
    one, other = publisher(place, broken, "a"), publisher(place, sound, "b")
    async with at_work(one, place):
        await until(lambda: one.standing is Standing.DOWN)
        async with at_work(other, place):
            await until(lambda: other.standing is Standing.CARRIES)


async def test_a_carrier_that_is_down_is_said_once_and_so_is_that_it_is_back(
    place: Installation, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "counterfoil")
    shelf = Shelf()
    shelf.trouble = "it is full"
    one = publisher(place, shelf)
    async with at_work(one, place):
        await until(lambda: one.standing is Standing.DOWN)
        await until(lambda: one._failures > 1)
        shelf.trouble = ""
        await until(lambda: one.standing is Standing.CARRIES)
    assert [each.getMessage() for each in caplog.records] == [
        "NATS carries no notices; guards go by this server's own feed: it is full",
        "NATS carries the notices, by this process",
    ]


async def test_while_it_keeps_nothing_those_that_listen_hear_all_the_same(place: Installation):
    """A cluster chooses a leader: what was heard and not kept is put once more, and kept."""
    shelf = Shelf()
    told = Told(place)
    await told.begin()
    async with at_work(publisher(place, shelf), place):
        await until(lambda: bool(shelf.put_there))
        shelf.trouble = "nobody leads"
        heard = len(shelf.heard)
        for number in range(3):
            last = await append(place, f"a{number}")
            await until(lambda last=last: last_line(shelf.heard) == str(last))
        for data in shelf.heard[heard:]:
            assert told.take(data) is Verdict.GO_ON
        assert told.notices.proven_number == last.number
        assert shelf.notices == []
        shelf.trouble = ""
        await append(place, "b")
        await until(lambda: len({position for position, _ in shelf.notices}) == 4)
        assert set(shelf.notices) == set((await stored(place))[-4:])
        assert (shelf.opened, shelf.prepared) == (1, 1)
        await until(lambda: shelf.put_there[-1][1] == str(place.authority.hub.position))


def last_line(heard: list[bytes]) -> str:
    events = [each for data in heard for each in EventParser().feed(data)]
    return next((each.last_id for each in reversed(events) if each.name == "notice"), "")


async def test_a_connection_that_is_lost_is_made_anew_and_goes_on_where_it_was(
    place: Installation,
):
    shelf = Shelf()
    async with at_work(publisher(place, shelf), place):
        await until(lambda: bool(shelf.put_there))
        await append(place, "a")
        await until(lambda: len(shelf.notices) == 1)
        shelf.trouble, shelf.is_connected = "the connection was closed", False
        await append(place, "b")
        await until(lambda: shelf.open_now == 0)
        shelf.trouble, shelf.is_connected = "", True
        await until(lambda: len(shelf.notices) >= 2)
    assert shelf.notices[:2] == (await stored(place))[-2:]
    assert (shelf.opened, shelf.prepared) == (2, 1)


async def test_one_that_keeps_nothing_for_long_is_begun_with_anew(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    """Its stream may have been deleted."""
    monkeypatch.setattr(publisher_module, "PATIENCE", 0.1)
    shelf = Shelf()
    async with at_work(publisher(place, shelf), place):
        await until(lambda: bool(shelf.put_there))
        shelf.trouble = "there is no stream"
        await append(place, "a")
        await until(lambda: shelf.open_now == 0)
        shelf.trouble = ""
        await until(lambda: shelf.prepared == 2)
        await until(lambda: bool(shelf.notices))
    assert set(shelf.notices) == set((await stored(place))[-1:])


async def test_whatever_else_goes_wrong_ends_nothing(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    shelf = Shelf()

    async def broken() -> None:
        raise RuntimeError

    shelf.taking = broken
    one = publisher(place, shelf)
    async with at_work(one, place):
        await until(lambda: one.standing is Standing.DOWN)
        shelf.taking = None
        await until(lambda: one.standing is Standing.CARRIES)

        async def unavailable(*_: object, **__: object) -> None:
            raise StoreUnavailable

        with monkeypatch.context() as patch:
            patch.setattr(place.authority.store, "transact", unavailable)
            one._renewed_at = float("-inf")
            await until(lambda: not one._has_lease)
        before = len(shelf.put_there)
        await until(lambda: len(shelf.put_there) > before)


async def test_a_queue_that_is_full_stops_no_carrier_before_the_lease_lapses(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    """In a flood all guards would otherwise come to the very server that has no room."""
    shelf = Shelf()
    one, tries = publisher(place, shelf), 0

    async def full(*_: object, **__: object) -> None:
        nonlocal tries
        tries += 1
        raise Overloaded

    async with at_work(one, place):
        await until(lambda: one.standing is Standing.CARRIES)
        with monkeypatch.context() as patch:
            patch.setattr(place.authority.store, "transact", full)
            seen = len(shelf.put_there)
            await until(lambda: len(shelf.put_there) > seen + 2)
            assert (shelf.opened, tries > 0) == (1, True)
            one._renewed_at -= LEASE
            await until(lambda: shelf.open_now == 0)
        await until(lambda: shelf.opened == 2)


async def test_a_carrier_that_takes_nothing_is_in_nobodys_way(place: Installation):
    """A put that never returns: endings are answered, and followers are told, as without it."""
    shelf, hub = Shelf(), place.authority.hub
    stuck = asyncio.Event()

    async def never() -> None:
        stuck.set()
        await asyncio.Event().wait()

    shelf.taking = never
    async with at_work(publisher(place, shelf), place):
        await stuck.wait()
        follower = hub.followers.admit("192.0.2.1", place.authority.settings)
        follower.position = hub.position
        assert b"event: head" in await hub.next_for(follower)
        token = await place.service_token()
        assert (await place.post("/revoke", "service", token=token)).status_code == 200
        told = b""
        while b"event: notice" not in told:
            told = await hub.next_for(follower)
        hub.followers.leave(follower)
    assert shelf.put_there == []


async def test_a_server_that_ends_lets_another_go_on(place: Installation):
    shelf = Shelf()
    one = publisher(place, shelf)
    async with at_work(one, place):
        await until(lambda: one.standing is Standing.CARRIES)
        place.authority.hub.end()
        await until(lambda: shelf.open_now == 0)
        taken = await place.authority.store.transact(lambda tx: tx.leases.take(CARRIER, "b", 9))
        async with asyncio.timeout(5):
            while not taken:
                taken = await place.authority.store.transact(
                    lambda tx: tx.leases.take(CARRIER, "b", 9)
                )
        assert shelf.opened == 1


async def test_it_takes_nobodys_place_among_followers(place: Installation):
    shelf, followers = Shelf(), place.authority.hub.followers
    async with at_work(publisher(place, shelf), place):
        await until(lambda: bool(shelf.put_there))
        assert len(followers) == 0
    assert not any(group.members for group in followers.groups)


@pytest.mark.nats
async def test_into_a_real_stream(place: Installation):
    """What stands there is what was told, and the next process goes on from it."""
    with running() as nats:
        names = carried(place.issuer)
        servers = NatsServers((NatsUrl(nats.url),))

        async def opens() -> Stream:
            return await Stream.open(servers, names, Keeping(3600))

        hub, store = place.authority.hub, place.authority.store
        for holder in ("a", "b"):
            async with at_work(Publisher(hub, store, holder, opens), place):
                last = await append(place, *(f"{holder}{number}" for number in range(300)))
                looking = await opens()
                for _ in range(500):
                    if await looking.last() == str(last):
                        break
                    await asyncio.sleep(0.01)
                else:
                    pytest.fail("it was not put there")
                info = await looking._stream.stream_info(names.stream)
                await looking.close()
        assert info.state.messages < 200
        assert info.config.max_age == 3600


EVENTS = st.lists(st.integers(0, 40).map(lambda size: event("notice", b"x" * size, "e:1")))


@given(EVENTS, st.integers(-3, 300))
def test_pieces_are_cut_between_events(events: list[bytes], longest: int):
    """Whatever the carrier says that it takes: cutting must come to an end."""
    told = b"".join(events)
    pieces = pieces_of(told, longest)
    assert b"".join(pieces) == told
    assert all(pieces)
    for piece in pieces:
        assert len(piece) <= longest or piece in events
        assert piece.endswith(b"\n\n")


async def test_what_is_longer_than_the_carrier_takes_at_once_is_cut(place: Installation):
    shelf = Shelf()
    shelf.longest = 1500
    async with at_work(publisher(place, shelf), place):
        await until(lambda: bool(shelf.put_there))
        await append(place, *(f"family{number}" for number in range(100)))
        await until(lambda: len(shelf.notices) == 100)
    assert max(len(data) for data, _ in shelf.put_there) <= 1500
    assert shelf.notices == (await stored(place))[-100:]
    positions = [position for data, position in shelf.put_there if b"event: notice" in data]
    assert len(set(positions[:-1])) == 1, "whoever goes on from a part of it begins it anew"
    assert positions[-1] == str(place.authority.hub.position)
