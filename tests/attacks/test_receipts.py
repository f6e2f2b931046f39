"""Receipts that lie: a guard must never seem to hold an ending that it does not hold."""

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from counterfoil.guard import Guard, Rejected
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.net.event_stream import Event
from counterfoil.oauth.binding import UNBOUND
from counterfoil.oauth.feed import Position
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.receipts import INTRODUCTION, Welcome
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.protocol.waiting import wait_for
from tests.guard.desk import Desk
from tests.guard.issuer import AUDIENCE, TinyIssuer
from tests.guard.test_asgi import answers, http, silent
from tests.installation import Installation, installed
from tests.server.endpoints.stream import Stream, streaming

pytestmark = pytest.mark.anyio

JUNK = Notice(Ended.TOKEN, "nothing", 10**10).text().decode()


@pytest.fixture
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path, head_interval_ms=50, followers_per_address=1000) as place:
        yield place


def another_in_its_place(event: Event) -> list[Event]:
    """Whoever holds the line lets a notice vanish, and puts another there under its number."""
    return [Event("notice", JUNK, event.last_id)] if event.name == "notice" else [event]


def hears_without_proof(event: Event) -> list[Event]:
    return [] if event.name == "head" else another_in_its_place(event)


@pytest.mark.parametrize("carrier", [another_in_its_place, hears_without_proof])
def test_a_notice_that_was_exchanged_on_the_line_is_neither_acknowledged_nor_decided_by(
    issuer: TinyIssuer, carrier: Callable[[Event], list[Event]]
):
    """The number has been heard, but what was ended under it has not."""
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        notices = guard._states[issuer.url].notices
        assert guard._follower.wait_until(lambda: issuer.streams == 1, 10)
        issuer.carrier = carrier
        receipt = issuer.asks = issuer.end(Ended.FAMILY, "f1")
        heard = len(issuer.book.texts)
        assert guard._follower.wait_until(
            lambda: notices.position is not None and notices.position.number == heard, 10
        )
        with pytest.raises(Rejected) as refused:
            guard.check(issuer.token(), UNBOUND, receipt)
        assert refused.value.reason is Reason.STALE
        assert issuer.acknowledged == []


async def welcomed(stream: Stream) -> str:
    event = await stream.next_named("welcome")
    assert event is not None
    return msgspec.json.decode(event.data, type=Welcome).follower


def introduced(place: Installation, number: int = 0) -> dict[str, str]:
    return {
        INTRODUCTION.lower(): f'reject;tolerance=30;name="guard-of-a-stranger-{number}"',
        "last-event-id": str(place.authority.hub.position),
    }


async def end_something(place: Installation) -> Position:
    notice = Notice(Ended.TOKEN, "handle", 10**10)
    return await place.authority.store.transact(lambda tx: tx.notices.append([notice]))


async def test_nobody_acknowledges_for_another_guard(place: Installation):
    """One guard knows its own line's name; of another's it knows neither chance nor MAC."""
    await place.authority.hub.catch_up()
    async with (
        streaming(place, "/notices", **introduced(place, 1)) as one,
        streaming(place, "/notices", **introduced(place, 2)) as other,
        place.browser() as attacker,
    ):
        own, victim = await welcomed(one), await welcomed(other)
        process, line, mac = own.split(".")
        receipt = await end_something(place)
        await place.authority.hub.catch_up()
        guesses = [
            f"{process}.{victim.split('.')[1]}.{mac}",
            f"{process}.{line}.{victim.split('.')[2]}",
            f"{process}.guard-of-a-stranger-2.{mac}",
            "guard-of-a-stranger-2",
        ]
        for guess in guesses:
            for leaves in (False, True):
                said = {"follower": guess, "position": str(receipt), "leaves": leaves}
                answer = await attacker.post("/notices/acknowledgements", json=said)
                assert answer.status_code == 400
        standing = await wait_for(place.authority.store, receipt, 1)
        assert len(standing.behind) == 2


async def test_nobody_acknowledges_what_has_not_happened(place: Installation):
    """Else a wait that begins later would be answered before the guard knows."""
    await place.authority.hub.catch_up()
    async with (
        streaming(place, "/notices", **introduced(place)) as stream,
        place.browser() as guard,
    ):
        line, at = await welcomed(stream), place.authority.hub.position
        for ahead in (Position(at.epoch, at.number + 1), Position(at.epoch, 10**15)):
            said = {"follower": line, "position": str(ahead)}
            answer = await guard.post("/notices/acknowledgements", json=said)
            assert answer.status_code == 400
        assert not (await wait_for(place.authority.store, await end_something(place), 1)).reached


async def test_strangers_that_never_answer_hold_nobody_up_for_longer_than_was_asked(
    place: Installation,
):
    """They are told apart from guards that have proved who they are, and are named by address."""
    await place.authority.hub.catch_up()
    async with AsyncExitStack() as stack:
        for number in range(50):
            headers = introduced(place, number)
            stream = await stack.enter_async_context(streaming(place, "/notices", **headers))
            await welcomed(stream)
        standing = await wait_for(place.authority.store, await end_something(place), 1)
    assert (standing.reached, standing.known, standing.anonymous) == (False, 0, 50)
    assert {line.address for line in standing.behind} == {"127.0.0.1"}


async def test_acknowledging_without_end_writes_nothing_while_nobody_waits(place: Installation):
    await place.authority.hub.catch_up()
    headers = introduced(place)
    async with streaming(place, "/notices", **headers) as stream, place.browser() as guard:
        said = {"follower": await welcomed(stream), "position": headers["last-event-id"]}
        written = []
        for _ in range(5):  # what the server itself does as it starts may fall between two looks
            version = place.authority.store.version()
            for _ in range(100):
                answer = await guard.post("/notices/acknowledgements", json=said)
                assert answer.status_code == 204
            written.append(place.authority.store.version() - version)
        assert min(written) == 0
        assert sum(written) < 10


@pytest.mark.parametrize(
    "header", ["e1:99999999999999999999", "e1:1\x00", "e" * 5000 + ":1", "e1:1,e1:1", "%s%n", "é:1"]
)
async def test_no_header_makes_a_guard_stumble(header: str):

    desk = Desk()
    scope = http(desk.token())
    scope["headers"].append((b"counterfoil-at-least", header.encode()))
    sent = await answers(GuardMiddleware(silent, desk.guard), scope)
    assert sent[0]["status"] == 400
