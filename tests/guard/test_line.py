"""The line to a real issuer on loopback: it comes up, it comes back, it keeps what it knows."""

import asyncio
import logging
import time
from pathlib import Path

import pytest

from counterfoil.guard import Guard, Issuer, Options, Rejected
from counterfoil.guard import line as line_module
from counterfoil.guard.line import LINE_DOWN, MANY_LINES, Line, Surroundings
from counterfoil.jose.keys import PrivateKey
from counterfoil.net.event_stream import Event
from counterfoil.net.http import HttpClient
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended
from tests.flows.serving import until
from tests.guard.desk import Desk
from tests.guard.issuer import AUDIENCE, Book, TinyIssuer
from tests.guard.test_carriage import Place


def reason_of(guard: Guard, token: str) -> Reason | None:
    try:
        guard.check(token)
    except Rejected as rejected:
        return rejected.reason
    return None


def becomes(guard: Guard, token: str, reason: Reason | None) -> bool:
    return guard._follower.wait_until(lambda: reason_of(guard, token) is reason, 10)


def test_what_the_issuer_ends_is_refused(issuer: TinyIssuer):
    """S40: published, followed, refused; without a request in between."""
    token = issuer.token()
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        assert reason_of(guard, token) is None
        issuer.end(Ended.FAMILY, "f1")
        assert becomes(guard, token, Reason.REVOKED)
        assert reason_of(guard, issuer.token(fam="f2")) is None


def test_what_was_ended_before_the_guard_came_is_known(issuer: TinyIssuer):
    issuer.end(Ended.FAMILY, "f1")
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        assert reason_of(guard, issuer.token()) is Reason.REVOKED


def test_a_new_key_is_learned_when_it_is_published(issuer: TinyIssuer):
    """S82: a notice passes the cooldown; the token works as soon as the keys are here."""
    successor = PrivateKey.generate()
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        token = issuer.token(key=successor)
        assert reason_of(guard, token) is Reason.UNKNOWN_KEY
        issuer.published.append(successor)
        issuer.end(Ended.KEYS_CHANGED, successor.public.kid)
        assert becomes(guard, token, None)


def test_it_comes_back_after_the_issuer_was_gone(issuer: TinyIssuer):
    """It resumes at its number: no second snapshot is needed."""
    token = issuer.token()
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        assert guard._follower.wait_until(lambda: issuer.streams == 1, 10)
        issuer.cut_streams()
        issuer.end(Ended.FAMILY, "f1")
        assert becomes(guard, token, Reason.REVOKED)
        assert issuer.counts["stream"] == 2
        assert issuer.counts["snapshot"] == 1


def test_a_snapshot_that_lies_behind_is_no_dead_end(issuer: TinyIssuer):
    """A cache may hold an old one: then the feed is resumed where the guard stands."""
    token = issuer.token()
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        old = issuer.book.signed_snapshot(time.time())
        issuer.end(Ended.FAMILY, "f1")
        assert becomes(guard, token, Reason.REVOKED)
        notices = guard._states[issuer.url].notices
        assert guard._follower.wait_until(lambda: notices.proven_number == 1, 10)
        issuer.snapshot_answer = lambda: old
        resets = [Event("reset", "{}")]
        issuer.carrier = lambda event: [resets.pop()] if resets else [event]
        assert guard._follower.wait_until(lambda: issuer.counts["snapshot"] == 2, 10)
        fresh_at = time.time()
        assert guard._follower.wait_until(lambda: notices.fresh_at > fresh_at, 10)


def test_a_restored_issuer_begins_a_new_epoch(issuer: TinyIssuer):
    """Old entries are kept whatever the epoch; new ones count."""
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        issuer.end(Ended.FAMILY, "f1")
        assert becomes(guard, issuer.token(), Reason.REVOKED)
        issuer.book = Book(issuer.url, "e2", issuer.book.key)
        issuer.end(Ended.FAMILY, "f2")
        assert becomes(guard, issuer.token(fam="f2"), Reason.REVOKED)
        assert reason_of(guard, issuer.token()) is Reason.REVOKED
        assert guard.wait_until_fresh(10)


def test_a_new_key_of_the_feed_is_learned(issuer: TinyIssuer):
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        state = guard._states[issuer.url]
        state.feed_keys._last_look -= 60
        issuer.book.key = PrivateKey.generate()
        fresh_at = time.time()
        assert guard._follower.wait_until(lambda: state.notices.fresh_at > fresh_at, 10)


def test_an_issuer_without_notices_is_never_fresh(
    issuer: TinyIssuer, caplog: pytest.LogCaptureFixture
):
    """Fail closed, and say what to change."""
    issuer.with_feed = False
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert becomes(guard, issuer.token(), Reason.STALE)
        assert guard._follower.wait_until(lambda: "publishes no notices" in caplog.text, 10)
        assert not guard.wait_until_fresh(0)


def test_an_issuer_without_revocation_needs_no_notices(issuer: TinyIssuer):
    issuer.with_feed = False
    trusted = Issuer(issuer.url, revocation="none")
    with Guard(issuers=[trusted], audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        assert reason_of(guard, issuer.token()) is None


def test_several_issuers_are_followed_by_one_thread(issuer: TinyIssuer):
    with TinyIssuer(path="/t2") as second:
        trusted = [Issuer(issuer.url), Issuer(second.url)]
        with Guard(issuers=trusted, audience=AUDIENCE) as guard:
            assert guard.wait_until_fresh(10)
            second.end(Ended.FAMILY, "f1")
            assert becomes(guard, second.token(), Reason.REVOKED)
            assert reason_of(guard, issuer.token()) is None


def test_an_issuer_that_comes_up_late_is_found(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    late = TinyIssuer()
    with Guard(late.url, audience=AUDIENCE) as guard:
        assert guard._follower.wait_until(lambda: "no keys" in caplog.text, 10)
        with late:
            assert guard.wait_until_fresh(10)
            assert reason_of(guard, late.token()) is None


def test_after_a_restart_without_the_issuer_all_is_known(tmp_path: Path):
    """The last signed words are kept; staleness is judged by their signed time."""
    options = Options(state_dir=str(tmp_path))
    with TinyIssuer() as issuer:
        token, other = issuer.token(), issuer.token(fam="f2")
        with Guard(issuer.url, audience=AUDIENCE, options=options) as guard:
            issuer.end(Ended.FAMILY, "f1")
            assert becomes(guard, token, Reason.REVOKED)
            assert guard.wait_until_fresh(10)
            fresh_at = guard._states[issuer.url].notices.fresh_at
    with Guard(issuer.url, audience=AUDIENCE, options=options) as guard:
        assert guard.wait_until_fresh(10)
        assert reason_of(guard, token) is Reason.REVOKED
        assert reason_of(guard, other) is None
        assert guard._states[issuer.url].notices.fresh_at >= fresh_at - 1
    late = Options(state_dir=tmp_path, clock=lambda: time.time() + 100)
    with Guard(issuer.url, audience=AUDIENCE, options=late) as guard:
        assert becomes(guard, token, Reason.REVOKED)
        assert reason_of(guard, other) is Reason.STALE


@pytest.mark.parametrize("which", ["json", "notices"])
def test_what_was_kept_and_spoiled_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, which: str
):
    options = Options(state_dir=tmp_path)
    with TinyIssuer() as issuer:
        with Guard(issuer.url, audience=AUDIENCE, options=options) as guard:
            assert guard.wait_until_fresh(10)
        (kept,) = tmp_path.glob(f"*.{which}")
        kept.write_bytes(b"{" + kept.read_bytes())
        with Guard(issuer.url, audience=AUDIENCE, options=options) as guard:
            assert guard.wait_until_fresh(10)
            assert "what was kept is not used" in caplog.text


@pytest.mark.parametrize("part", ["_fetch_keys", "_follow"])
def test_a_mistake_of_ours_ends_no_line(
    issuer: TinyIssuer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, part: str
):
    """It is logged with where it was, and tried again: a guard must not go deaf for ever."""
    right, mistakes = getattr(Line, part), [KeyError("ours"), KeyError("ours")]

    async def mistaken(self: Line, http: HttpClient) -> None:
        if mistakes:
            raise mistakes.pop()
        await right(self, http)

    monkeypatch.setattr(Line, part, mistaken)
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        assert becomes(guard, issuer.token(), None)
    assert mistakes == []
    assert caplog.text.count("KeyError: 'ours'") == 2


def test_keys_are_kept_also_of_an_issuer_whose_feed_is_not_followed(tmp_path: Path):
    """And no notices."""
    options = Options(state_dir=tmp_path)
    with TinyIssuer() as issuer:
        trusted = Issuer(issuer.url, revocation="none")
        token = issuer.token()
        with Guard(issuers=[trusted], audience=AUDIENCE, options=options) as guard:
            assert guard.wait_until_fresh(10)
    assert [each.suffix for each in tmp_path.iterdir()] == [".json"]
    with Guard(issuers=[trusted], audience=AUDIENCE, options=options) as guard:
        assert becomes(guard, token, None)


def test_a_place_in_which_nothing_can_be_kept_is_said_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, issuer: TinyIssuer
):
    """S25: endings are heard all the same."""
    (tmp_path / "state").write_text("a file, where a folder should be")
    options = Options(state_dir=tmp_path / "state")
    with Guard(issuer.url, audience=AUDIENCE, options=options) as guard:
        assert guard.wait_until_fresh(10)
        issuer.end(Ended.FAMILY, "f1")
        assert becomes(guard, issuer.token(), Reason.REVOKED)
    assert "no snapshot can be kept" in caplog.text
    assert "nothing can be kept" in caplog.text


@pytest.mark.anyio
async def test_a_carrier_that_came_meanwhile_is_gone_by_and_the_issuer_left_alone():
    """Such as while a snapshot was fetched: no line is opened only to be let go again."""
    place = Place()
    surroundings = Surroundings(time.time, lambda: 0.5, lambda: None, lambda: "name")
    line = Line(place.desk.state, surroundings, None)
    line._carriage = place.carriage
    await place.comes()
    async with HttpClient() as http:
        following = asyncio.create_task(line._follow(http))
        await until(lambda: place.carriage.rides)
        following.cancel()
        await asyncio.wait([following])


@pytest.mark.anyio
async def test_a_line_that_is_cut_before_anything_is_proved_is_a_trouble(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    """Each end looks like that of any stream; but so many are somebody's doing."""
    monkeypatch.setattr(line_module, "FIRST_WAIT", 0.0)
    surroundings = Surroundings(desk.clock, lambda: 0.5, lambda: None, lambda: "name")
    line, cuts = Line(desk.state, surroundings, None), []

    async def cut(_: HttpClient) -> None:
        cuts.append(LINE_DOWN in desk.state.troubles.present)

    monkeypatch.setattr(line, "_follow", cut)
    line._discovered.set()
    async with HttpClient() as http:
        keeping = asyncio.create_task(line._keep_notices(http))
        await until(lambda: any(cuts))
        keeping.cancel()
        await asyncio.wait([keeping])
    assert cuts[:MANY_LINES] == [False] * MANY_LINES
    assert "cut again and again" in desk.state.troubles.present[LINE_DOWN]
