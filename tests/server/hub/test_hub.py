"""The hub: what has happened since, for this process and for guards."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from starlette.requests import Request

from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.net.event_stream import Event, EventParser
from counterfoil.oauth.feed import Position, first_digest, next_digest, position_from
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Marks, Notice
from counterfoil.server.endpoints import metadata
from counterfoil.server.hub import Hub
from counterfoil.server.hub import hub as hub_module
from counterfoil.server.hub.followers import Follower
from counterfoil.server.records.event import CLI
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.settings import Settings
from tests.installation import Installation, installed

pytestmark = pytest.mark.anyio

MARKS = Marks("jti", "family", "client", 1, "api", 1, "kid")


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path) as place:
        await place.authority.hub.catch_up()
        yield place


def another_hub(place: Installation) -> Hub:
    """A hub as another process of the installation has it."""
    return Hub(place.issuer, place.authority.store, place.authority.keyring)


async def append(place: Installation, *names: str, until: int = 10**10) -> None:
    notices = [Notice(Ended.TOKEN, name, until) for name in names]
    await place.authority.store.transact(lambda tx: tx.notices.append(notices))


def following(place: Installation, hub: Hub, cursor: Position) -> Follower:
    follower = hub.followers.admit("192.0.2.1", place.authority.settings)
    follower.position = cursor
    return follower


async def told(place: Installation, hub: Hub, cursor: Position, count: int) -> list[Event]:
    """The next notices after a cursor."""
    follower, parser = following(place, hub, cursor), EventParser()
    found: list[Event] = []
    while len(found) < count:
        events = parser.feed(await hub.next_for(follower))
        found += [event for event in events if event.name == "notice"]
    hub.followers.leave(follower)
    return found[:count]


def numbers(events: list[Event]) -> list[int]:
    return [position.number for event in events if (position := position_from(event.last_id))]


async def test_an_ending_is_known_after_catching_up(place: Installation):
    """§4.12: what any process committed."""
    hub = place.authority.hub
    assert hub.revocations.rejects(MARKS, 0) is None
    await append(place, "jti")
    await hub.catch_up()
    assert hub.revocations.rejects(MARKS, 0) is Reason.REVOKED


async def test_a_new_process_learns_all_that_is_alive(place: Installation):
    """S92: after a restart nothing that was ended is accepted again."""
    await append(place, "jti", "other")
    hub = another_hub(place)
    await hub.catch_up()
    assert hub.revocations.rejects(MARKS, 0) is Reason.REVOKED
    await place.authority.hub.catch_up()
    assert hub.position == place.authority.hub.position
    assert hub.digest == place.authority.hub.digest


async def test_the_digest_is_that_of_the_chain(place: Installation):
    await append(place, "jti")
    texts = await place.authority.store.read(lambda tx: tx.notices.live())
    await place.authority.hub.catch_up()
    digest = first_digest(place.authority.hub.position.epoch)
    for text in texts:
        digest = next_digest(digest, text)
    assert place.authority.hub.digest == digest


async def test_followers_are_told_in_order_without_gap_or_repetition(place: Installation):
    """S40."""
    hub = place.authority.hub
    cursor = hub.position
    await append(place, "a", "b")
    await hub.catch_up()
    await append(place, "c")
    await hub.catch_up()
    found = await told(place, hub, cursor, 3)
    assert numbers(found) == [cursor.number + n for n in (1, 2, 3)]
    resumed = await told(place, hub, replace(cursor, number=cursor.number + 1), 2)
    assert resumed == found[1:]


async def test_a_waiting_follower_is_woken(place: Installation):
    hub = place.authority.hub
    waiting = asyncio.create_task(told(place, hub, hub.position, 1))
    await asyncio.sleep(0)
    await append(place, "late")
    await hub.catch_up()
    (found,) = await asyncio.wait_for(waiting, 5)
    assert "late" in found.data


@pytest.mark.parametrize("cursor", [None, Position("another-epoch", 1)])
async def test_a_cursor_that_cannot_be_resumed_ends_the_stream(
    place: Installation, cursor: Position | None
):
    hub = place.authority.hub
    follower = following(place, hub, hub.position)
    follower.position = cursor
    assert await hub.next_for(follower) == b""


async def test_a_cursor_from_the_future_ends_the_stream(place: Installation):
    hub = place.authority.hub
    ahead = replace(hub.position, number=hub.position.number + 1)
    assert await hub.next_for(following(place, hub, ahead)) == b""


async def test_a_head_is_told_only_to_whoever_holds_what_it_speaks_of(place: Installation):
    """A follower that is catching up would take it for a gap, and connect again."""
    hub = place.authority.hub
    begun = hub.position
    await append(place, *(f"n{number}" for number in range(300)))
    await hub.catch_up()
    await hub._sign_head(place.clock)
    follower, parser, names = following(place, hub, begun), EventParser(), list[str]()
    while "head" not in names:
        names += [event.name for event in parser.feed(await hub.next_for(follower))]
    assert names == ["notice"] * 300 + ["head"]


async def test_many_notices_are_read_page_by_page(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hub_module, "_PAGE", 2)
    cursor = place.authority.hub.position
    await append(place, *"abcdefg")
    await place.authority.hub.catch_up()
    assert len(await told(place, place.authority.hub, cursor, 7)) == 7


async def test_a_new_epoch_is_taken_whole_and_nothing_comes_back(place: Installation):
    """§4.13: restore never resurrects; old entries are kept until they expire."""
    hub = place.authority.hub
    await append(place, "jti")
    await hub.catch_up()
    hub.backlog.begin(Position("the-epoch-before", 99))
    await append(place, "other")
    await hub.catch_up()
    assert hub.position.epoch != "the-epoch-before"
    assert hub.revocations.rejects(MARKS, 0) is Reason.REVOKED
    assert hub.revocations.rejects(replace(MARKS, jti="other"), 0) is Reason.REVOKED


async def test_what_may_be_forgotten_is_forgotten(place: Installation):
    """S41: an entry stays until the token would have expired, and no longer."""
    hub = place.authority.hub
    size = len(hub.revocations)
    await append(place, "jti", until=int(place.clock()) + 100)
    await hub.catch_up()
    assert len(hub.revocations) == size + 1
    for name in ("other", "another"):
        place.clock.turn(50)
        await append(place, name)
        await hub.catch_up()
    assert hub.revocations.rejects(MARKS, 0) is None


async def test_what_a_clock_that_leapt_calls_expired_is_not_forgotten(place: Installation):
    """It may be wrong; when it is right again, what had ended must not live."""
    hub = place.authority.hub
    await append(place, "jti", until=int(place.clock()) + 100)
    await hub.catch_up()
    place.clock.turn(86_400)
    await append(place, "other", until=int(place.clock()) + 100)
    await hub.catch_up()
    assert hub.revocations.rejects(MARKS, 0) is not None


async def test_nothing_new_is_not_read(place: Installation):
    """Cheap enough for every request: only a moved version is looked into."""
    hub, reads = place.authority.hub, 0
    await hub.catch_up()
    original = hub._look

    async def counted(tx):
        nonlocal reads
        reads += 1
        return await original(tx)

    hub._look = counted
    for _ in range(10):
        await hub.catch_up()
    assert reads == 0
    await append(place, "x")
    await asyncio.gather(*(hub.catch_up() for _ in range(10)))
    assert reads == 1


async def test_keys_that_changed_are_loaded(place: Installation):
    """S84: a withdrawal by another process is acted on at once."""
    token = await place.service_token()
    rotation = place.authority.rotation
    old = str(unverified_header(token)["kid"])
    await place.authority.store.transact(lambda tx: rotation.withdraw(tx, old, CLI))
    await place.authority.hub.catch_up()
    new = str(unverified_header(await place.service_token())["kid"])
    assert new != old


def signed(hub: Hub) -> dict[str, object]:
    """What the newest head says."""
    assert hub.head is not None
    (event,) = EventParser().feed(hub.head.data)
    return unverified_claims(event.data)


async def test_a_head_is_signed_only_after_a_successful_read(place: Installation):
    """A guard is as fresh as what was truly read."""
    hub = place.authority.hub
    await hub._sign_head(place.clock)
    head = signed(hub)
    assert head["time"] == place.clock()
    assert head["number"] == hub.position.number
    last = await place.authority.store.read(lambda tx: tx.events.last())
    assert (head["audit_number"], head["audit_digest"]) == (last.number, last.digest)
    place.clock.turn(5)

    async def fail(_: object, *, urgent: bool) -> None:
        assert urgent, "it waits behind nobody"
        raise StoreUnavailable

    hub._store = type("Broken", (), {"read": staticmethod(fail), "version": lambda self: 0})()
    with pytest.raises(StoreUnavailable):
        await hub._sign_head(place.clock)
    assert signed(hub) == head


async def next_head(hub: Hub) -> dict[str, object]:
    """The next head that the running hub signs."""
    before, follower = hub.head, hub.followers.admit("192.0.2.77", Settings())
    async with asyncio.timeout(10):
        while hub.head is before:
            follower.news.clear()
            await follower.wait()
    hub.followers.leave(follower)
    return signed(hub)


async def test_heads_go_on_when_the_clock_is_set_back(tmp_path: Path):
    """A clock that was ahead and is put right must not make every guard stale."""
    async with installed(tmp_path, head_interval_ms=50) as place:
        hub = place.authority.hub
        ahead = await next_head(hub)
        place.clock.turn(-3600)
        while (head := await next_head(hub))["time"] == ahead["time"]:
            pass
        assert head["time"] == place.clock()


async def test_a_failure_is_survived_and_seen(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Whatever goes wrong at one look, the next one is made; meanwhile no head is signed."""
    async with installed(tmp_path, head_interval_ms=50) as place:
        hub = place.authority.hub
        await next_head(hub)
        real, failed = hub._store, asyncio.Event()

        class Broken:
            def version(self) -> int:
                failed.set()
                raise RuntimeError("something nobody thought of")

        hub._store = Broken()
        await failed.wait()
        hub._store = real
        assert (await next_head(hub))["iss"] == place.issuer
        assert "cannot be followed" in caplog.text


async def test_a_failed_load_of_keys_tells_nothing_twice(place: Installation):
    """What followers are told has no gap and no repetition, also after a failure between."""
    hub = another_hub(place)
    await hub.catch_up()
    cursor, load = hub.position, hub._keyring

    class Failing:
        async def load(self, _: object) -> None:
            raise RuntimeError("the keys cannot be opened")

    hub._keyring = Failing()
    await place.authority.store.transact(
        lambda tx: tx.notices.append(
            [Notice(Ended.TOKEN, "one", 10**10), Notice(Ended.KEYS_CHANGED, "keys", 10**10)]
        )
    )
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await hub.catch_up()
    hub._keyring = load
    await hub.catch_up()
    found = await told(place, hub, cursor, 2)
    assert numbers(found) == [cursor.number + 1, cursor.number + 2]


async def test_an_ending_server_ends_every_stream(place: Installation):
    hub = place.authority.hub
    await hub.catch_up()
    followers = [following(place, hub, hub.position) for _ in range(30)]
    waiting = [asyncio.create_task(drained(hub, follower)) for follower in followers]
    await asyncio.sleep(0)
    hub.end()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)


async def drained(hub: Hub, follower: Follower) -> None:
    while await hub.next_for(follower):
        pass


async def test_each_follower_has_heads_at_its_own_turn(tmp_path: Path):
    """Spread over the interval, so that nobody else waits while all are told at once."""
    async with installed(tmp_path, head_interval_ms=200) as place:
        hub = place.authority.hub
        followers = [following(place, hub, hub.position) for _ in range(40)]
        assert {len(follower.group.members) for follower in followers} == {2}
        told: dict[int, list[int]] = {}
        for _ in range(2):
            for number, follower in enumerate(followers):
                await hub.next_for(follower)
                told.setdefault(number, []).append(follower.head_serial)
    assert all(later > earlier for earlier, later in told.values())
    assert len({serials[1] for serials in told.values()}) > 1


async def test_the_server_is_not_ready_while_the_store_is_not_followed(place: Installation):
    async with place.browser() as browser:
        assert (await browser.get("/health/ready")).status_code == 200
        hub = another_hub(place)
        hub._looked_at = asyncio.get_running_loop().time() - 60
        stuck = replace(place.server, authority=replace(place.authority, hub=hub))
        answer = await metadata.ready(stuck, Request({"type": "http", "headers": []}))
        assert answer.status_code == 503


class Wire:
    """What a server underneath pushes for a follower, and whether it can."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_full = False

    def push(self, data: bytes) -> bool:
        if not self.is_full:
            self.sent.append(data)
        return not self.is_full

    @property
    def events(self) -> list[Event]:
        return EventParser().feed(b"".join(self.sent))


async def asleep(place: Installation, hub: Hub) -> tuple[Follower, Wire, "asyncio.Task[bytes]"]:
    """A follower that has been told all, and waits, over a server that can push."""
    follower, wire = following(place, hub, hub.position), Wire()
    follower.push = wire.push
    task = asyncio.create_task(hub.next_for(follower))
    await asyncio.sleep(0)
    assert follower.is_waiting
    return follower, wire, task


async def test_one_that_waits_is_pushed_what_there_is_and_sleeps_on(place: Installation):
    """S40: the same bytes in the same order as by its task, once each."""
    hub = another_hub(place)
    await hub.catch_up()
    follower, wire, task = await asleep(place, hub)
    cursor = hub.position
    await append(place, "a", "b")
    await hub.catch_up()
    await hub.tell_head_now(place.clock)
    for _ in range(50):
        await asyncio.sleep(0)
    assert not task.done()
    assert [event.name for event in wire.events] == ["notice", "notice", "head"]
    assert numbers(wire.events[:2]) == [cursor.number + 1, cursor.number + 2]
    assert follower.position == hub.position
    assert follower.fresh_at == place.clock()
    await append(place, "c")
    await hub.catch_up()
    for _ in range(50):
        await asyncio.sleep(0)
    assert numbers([wire.events[-1]]) == [cursor.number + 3]
    task.cancel()


async def test_what_cannot_be_pushed_is_sent_by_its_task(place: Installation):
    """A reader that is behind: nothing is left out, and nothing comes twice."""
    hub = another_hub(place)
    await hub.catch_up()
    follower, wire, task = await asleep(place, hub)
    wire.is_full = True
    cursor = hub.position
    await append(place, "a")
    await hub.catch_up()
    found = EventParser().feed(await asyncio.wait_for(task, 10))
    assert numbers(found) == [cursor.number + 1]
    assert wire.sent == []
    assert follower.position == hub.position


async def test_more_than_one_push_holds_is_gone_on_with_by_its_task(place: Installation):
    hub = another_hub(place)
    await hub.catch_up()
    follower, wire, task = await asleep(place, hub)
    await append(place, *(f"n{n}" for n in range(600)))
    await hub.catch_up()
    events = list[Event]()
    while len(events) < 600:
        events = EventParser().feed(b"".join(wire.sent) + await asyncio.wait_for(task, 10))
        wire.sent.append(task.result())
        task = asyncio.create_task(hub.next_for(follower))
        await asyncio.sleep(0)
    task.cancel()
    assert numbers(events) == list(range(hub.position.number - 599, hub.position.number + 1))
