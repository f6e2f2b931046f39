"""What a guard says when somebody waits: how far it has come, and only what is proved."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable

import pytest

from counterfoil.guard import Credentials, Guard, Issuer, Staleness
from counterfoil.guard.acknowledgements import TRIES, Acknowledgements
from counterfoil.net.event_stream import Event
from counterfoil.net.http import HttpClient
from counterfoil.oauth.receipts import introduction_from
from counterfoil.oauth.revocations import Ended
from tests.flows.serving import until
from tests.guard.desk import Desk
from tests.guard.issuer import AUDIENCE, TinyIssuer

WELCOME = Event("welcome", '{"follower":"f","known_as":""}')


def comes_about(guard: Guard, holds: Callable[[], bool]) -> bool:
    return guard._follower.wait_until(holds, 10)


def test_it_introduces_itself_with_what_it_does_when_it_hears_nothing(issuer: TinyIssuer):
    policy = Staleness.accept_for(90.0, budget=30.0)
    with Guard(issuer.url, audience=AUDIENCE, staleness=policy) as guard:
        assert comes_about(guard, lambda: issuer.streams == 1)
    introduction = introduction_from(issuer.introductions[0][0])
    assert introduction is not None
    assert (introduction.then, introduction.tolerance) == ("accept", 120.0)


def test_its_name_stays_the_same_while_its_line_breaks_and_comes_back(issuer: TinyIssuer):
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert comes_about(guard, lambda: issuer.streams == 1)
        issuer.cut_streams()
        assert comes_about(guard, lambda: len(issuer.introductions) >= 2)
    with guard:
        assert comes_about(guard, lambda: len(issuer.introductions) >= 3)
    names = [introduction_from(text) for text, _ in issuer.introductions]
    assert names[0] == names[1]
    assert names[0] != names[-1], "whoever stopped has not come back"


def test_it_says_that_it_stops_and_not_that_its_line_breaks(issuer: TinyIssuer):
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert comes_about(guard, lambda: issuer.streams == 1)
        issuer.cut_streams()
        assert comes_about(guard, lambda: issuer.counts["stream"] >= 2 and issuer.streams == 1)
        notices = guard._states[issuer.url].notices
        fresh_at = notices.fresh_at
        assert comes_about(guard, lambda: notices.fresh_at > fresh_at)
        assert issuer.acknowledged == []
    assert issuer.streams_when_told == [1], "the line stands while it takes its leave"
    (goodbye,) = issuer.acknowledged
    assert goodbye == {"follower": "line-2", "position": "e1:0", "leaves": True}


def test_a_process_that_ends_says_so_also_to_an_issuer_that_has_a_name():
    """Names are looked up by threads, and when a process ends none is begun any more."""
    with TinyIssuer(host="localhost") as issuer:
        ended = f"""
from counterfoil.guard import Guard
from counterfoil.guard.wsgi import stop_at_exit

guard = Guard({issuer.url!r}, audience={AUDIENCE!r})
stop_at_exit(guard)
guard.start()
said = guard._follower._lines[0]._acknowledgements
assert guard._follower.wait_until(lambda: said._welcome is not None, 10)
"""
        answer = subprocess.run(
            [sys.executable, "-c", ended], capture_output=True, text=True, check=True
        )
        assert answer.stderr == ""
        assert [said["leaves"] for said in issuer.acknowledged] == [True]


def test_what_fails_while_it_takes_its_leave_does_not_keep_it(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """It would begin a new line, and `stop` wait for that in vain."""

    async def fail(*_: object) -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    monkeypatch.setattr(Acknowledgements, "take_leave", fail)
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert comes_about(guard, lambda: issuer.streams == 1)
        thread = guard._follower._thread
    assert thread is not None
    assert not thread.is_alive()
    assert caplog.text.count("following the notices failed") == 1


def test_it_says_who_it_is_where_it_has_credentials(
    issuer: TinyIssuer, caplog: pytest.LogCaptureFixture
):
    """RFC 6749 §2.3.1. An issuer that takes them not is followed all the same, and it is said."""
    trusted = Issuer(issuer.url, credentials=Credentials("guard", "secret"))
    with Guard(issuers=[trusted], audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        assert comes_about(guard, lambda: "this guard has no name" in caplog.text)
    assert issuer.introductions[0][1] == "Basic Z3VhcmQ6c2VjcmV0"
    assert "secret" not in caplog.text


def test_it_acknowledges_what_it_is_asked_for(issuer: TinyIssuer):
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        issuer.asks = issuer.end(Ended.FAMILY, "f1")
        assert comes_about(guard, lambda: bool(issuer.acknowledged))
        issuer.asks = issuer.end(Ended.FAMILY, "f2")
        assert comes_about(guard, lambda: len(issuer.acknowledged) == 2)
    said = [("line-1", f"e1:{number}", False) for number in (1, 2)]
    assert [tuple(each.values()) for each in issuer.acknowledged[:2]] == said


def test_it_acknowledges_on_the_line_it_was_asked_on(issuer: TinyIssuer):
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        issuer.asks = issuer.end(Ended.FAMILY, "f1")
        assert comes_about(guard, lambda: len(issuer.acknowledged) == 1)
        issuer.cut_streams()
        assert comes_about(guard, lambda: len(issuer.acknowledged) == 2)
    assert tuple(issuer.acknowledged[1].values()) == ("line-2", "e1:1", False)


@pytest.mark.parametrize("status", [400, 404, 500])
def test_one_that_takes_no_acknowledgement_is_told_once_for_each_question(
    issuer: TinyIssuer, status: int
):
    """The line stands all the same: what has ended is refused."""
    issuer.acknowledges_with = status
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        issuer.asks = issuer.end(Ended.FAMILY, "f1")
        assert comes_about(guard, lambda: issuer.counts.get("acknowledge") == 1)
        issuer.acknowledges_with = 204
        issuer.asks = issuer.end(Ended.FAMILY, "f2")
        assert comes_about(guard, lambda: bool(issuer.acknowledged))
        assert issuer.counts["acknowledge"] == 2


def test_one_that_cannot_take_it_at_present_is_told_again(issuer: TinyIssuer):
    """A process that is about to end, or whose store is busy, says 503: another one takes it."""
    issuer.acknowledges_with = 503
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        issuer.asks = issuer.end(Ended.FAMILY, "f1")
        assert comes_about(guard, lambda: issuer.counts.get("acknowledge", 0) >= 1)
        issuer.acknowledges_with = 204
        assert comes_about(guard, lambda: bool(issuer.acknowledged))


def test_what_was_only_heard_is_not_acknowledged(desk: Desk):
    """Whoever stands on the line can invent a notice with that number."""
    owed = Acknowledgements(desk.state)
    desk.end(Ended.FAMILY, "f1")
    owed.take(WELCOME)
    owed.take(Event("acknowledge", "e1:1"))
    assert owed.due is None
    desk.state.notices.prove(desk.book.head(desk.clock.now), desk.clock.now)
    due = owed.due
    assert due is not None
    assert (due.follower, due.position) == ("f", "e1:1")


@pytest.mark.parametrize(
    "events",
    [
        [Event("acknowledge", "e1:0")],
        [WELCOME],
        [WELCOME, Event("acknowledge", "e1:1")],
        [WELCOME, Event("acknowledge", "another:0")],
        [WELCOME, Event("acknowledge", "nonsense")],
        [WELCOME, Event("acknowledge", "e1:999999999999999")],
        [Event("welcome", "nonsense"), Event("acknowledge", "e1:0")],
        [Event("welcome", '{"follower":7}'), Event("acknowledge", "e1:0")],
        [Event("welcome", '{"follower":"\ud800"}'), Event("acknowledge", "e1:0")],
    ],
)
def test_what_makes_no_sense_is_passed_over(desk: Desk, events: list[Event]):
    owed = Acknowledgements(desk.state)
    for event in events:
        owed.take(event)
    assert owed.due is None


def test_a_new_line_owes_nothing_of_the_one_before(desk: Desk):
    owed = Acknowledgements(desk.state)
    owed.take(WELCOME)
    owed.take(Event("acknowledge", "e1:0"))
    assert owed.due is not None
    owed.begin()
    assert owed.due is None


@pytest.mark.anyio
async def test_an_issuer_that_cannot_be_reached_is_tried_so_often(
    desk: Desk, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    owed = Acknowledgements(desk.state)
    owed.begin()
    waits: list[int] = []
    tried = asyncio.Event()

    def wait_after(failures: int) -> float:
        waits.append(failures)
        if failures == TRIES:
            tried.set()
        return 0.0

    async with HttpClient() as http:
        keeping = asyncio.create_task(owed.keep(http, "http://127.0.0.1:9/", wait_after))
        owed.take(WELCOME)
        owed.take(Event("acknowledge", "e1:0"))
        await tried.wait()
        await until(lambda: owed.due is None)
        assert waits == list(range(1, TRIES + 1))
        owed.take(Event("acknowledge", "e1:0"))
        await until(lambda: len(waits) == 2 * TRIES)
        keeping.cancel()


@pytest.mark.anyio
async def test_what_is_asked_while_something_is_owed_is_not_forgotten(desk: Desk):
    """It is not proved yet when the line comes to say what was asked before: it is said later."""
    owed = Acknowledgements(desk.state)
    owed.begin()
    tried: list[int] = []

    def wait_after(failures: int) -> float:
        tried.append(failures)
        return 0.0

    async with HttpClient() as http:
        keeping = asyncio.create_task(owed.keep(http, "http://127.0.0.1:9/", wait_after))
        owed.take(WELCOME)
        owed.take(Event("acknowledge", "e1:0"))
        desk.end(Ended.FAMILY, "f1")
        owed.take(Event("acknowledge", "e1:1"))
        await until(lambda: not owed._owes.is_set())
        assert tried == []
        desk.state.notices.prove(desk.book.head(desk.clock.now), desk.clock.now)
        owed.take(Event("head", ""))
        await until(lambda: bool(tried))
        keeping.cancel()


@pytest.mark.anyio
async def test_what_is_asked_between_two_tries_takes_the_place_of_what_was_asked(desk: Desk):
    """The issuer waits for the later one now; it is not told a word before that is proved."""
    owed = Acknowledgements(desk.state)
    owed.begin()
    tried: list[int] = []

    def wait_after(failures: int) -> float:
        tried.append(failures)
        if len(tried) == 1:
            desk.end(Ended.FAMILY, "f1")
            owed.take(Event("acknowledge", "e1:1"))
        return 0.0

    async with HttpClient() as http:
        keeping = asyncio.create_task(owed.keep(http, "http://127.0.0.1:9/", wait_after))
        owed.take(WELCOME)
        owed.take(Event("acknowledge", "e1:0"))
        await until(lambda: tried == [1])
        for _ in range(5):
            await asyncio.sleep(0)
        assert tried == [1]
        desk.state.notices.prove(desk.book.head(desk.clock.now), desk.clock.now)
        owed.take(Event("head", ""))
        await until(lambda: len(tried) == 1 + TRIES)
        keeping.cancel()
