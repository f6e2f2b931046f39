"""A carrier between issuer and guard: it cuts, holds back, replays, reorders, alters and invents.

Whatever it does, the guard is never fresh without the notices, and never loses one. Each attack
runs over a real connection; `tests/guard/test_notices.py` tries all their mixtures.
"""

import time
from collections.abc import Callable, Iterator

import pytest

from counterfoil.guard import Guard, Options, Rejected
from counterfoil.jose import jwt
from counterfoil.jose.keys import PrivateKey
from counterfoil.net.event_stream import Event
from counterfoil.oauth.feed import HEAD_TYPE
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Notice
from tests.guard.issuer import AUDIENCE, Carrier, TinyIssuer, honest

pytestmark = pytest.mark.one_engine("no server of ours is there")

FAMILY = "f1"
HEADS = 3
"""So many heads are sent before we look whether an attack has worked."""


class Line:
    """A guard and its issuer, and what lies between them."""

    def __init__(self, issuer: TinyIssuer, guard: Guard) -> None:
        self.issuer = issuer
        self.guard = guard
        self.notices = guard._states[issuer.url].notices
        self.token = issuer.token()

    def until(self, reached: Callable[[], bool]) -> bool:
        return self.guard._follower.wait_until(reached, 10)

    def reason(self) -> Reason | None:
        try:
            self.guard.check(self.token)
        except Rejected as rejected:
            return rejected.reason
        return None

    def attacked_by(self, carrier: Carrier) -> float:
        """Let the carrier in, end the token's family, wait for some heads; when it was ended."""
        assert self.until(lambda: self.issuer.streams == 1)
        self.issuer.carrier = carrier
        self.issuer.end(Ended.FAMILY, FAMILY)
        ended_at = time.time()
        seen = self.issuer.counts.get("head", 0)
        while self.issuer.counts.get("head", 0) < seen + HEADS:
            time.sleep(0.01)
        return ended_at


@pytest.fixture
def line(issuer: TinyIssuer) -> Iterator[Line]:
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        line = Line(issuer, guard)
        assert line.reason() is None
        yield line


@pytest.fixture
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer


def without_notices(event: Event) -> list[Event]:
    return [] if event.name == "notice" else [event]


def mangled(event: Event) -> list[Event]:
    if event.name != "notice":
        return [event]
    return [Event("notice", event.data.replace(FAMILY, "f9"), event.last_id)]


def emptied(event: Event) -> list[Event]:
    """The right number, another content."""
    harmless = Notice(Ended.FAMILY, "nobody", 10**10).text().decode()
    return [Event("notice", harmless, event.last_id)] if event.name == "notice" else [event]


def renumbered(event: Event) -> list[Event]:
    if event.name != "notice":
        return [event]
    epoch, _, number = event.last_id.partition(":")
    return [Event("notice", event.data, f"{epoch}:{int(number) - 1}")]


@pytest.mark.parametrize("carrier", [without_notices, mangled, emptied, renumbered])
def test_a_notice_is_not_suppressed_unnoticed(line: Line, carrier: Carrier):
    """Dropped, altered, replaced, renumbered: never fresh beyond the ending without the notice.

    The snapshot still comes through, so the guard even learns what was kept from it.
    """
    ended_at = line.attacked_by(carrier)
    assert line.reason() is Reason.REVOKED or line.notices.fresh_at < ended_at
    line.issuer.carrier = honest
    line.issuer.cut_streams()
    assert line.until(lambda: line.reason() is Reason.REVOKED)
    assert line.until(lambda: line.notices.fresh_at > ended_at)


def test_a_carrier_that_also_replays_the_snapshot_makes_it_stale(issuer: TinyIssuer):
    """Notices dropped and an old signed snapshot served: beyond the budget nothing is accepted."""
    skew = [0.0]
    options = Options(clock=lambda: time.time() + skew[0])
    with Guard(issuer.url, audience=AUDIENCE, options=options) as guard:
        assert guard.wait_until_fresh(10)
        line = Line(issuer, guard)
        old = issuer.book.signed_snapshot(time.time())
        issuer.snapshot_answer = lambda: old
        ended_at = line.attacked_by(without_notices)
        assert line.notices.fresh_at < ended_at
        skew[0] = 31.0
        assert line.reason() is Reason.STALE
        issuer.carrier = honest
        issuer.cut_streams()
        assert line.until(lambda: line.reason() is Reason.REVOKED)


def test_held_back_heads_make_it_stale(issuer: TinyIssuer):
    skew = [0.0]
    options = Options(clock=lambda: time.time() + skew[0])
    issuer.carrier = lambda event: [] if event.name == "head" else [event]
    with Guard(issuer.url, audience=AUDIENCE, options=options) as guard:
        assert guard.wait_until_fresh(10)
        line = Line(issuer, guard)
        assert line.reason() is None
        skew[0] = 31.0
        assert line.reason() is Reason.STALE


def test_replayed_heads_do_not_make_it_fresher(line: Line):
    """An open socket and a steady stream of genuine, old heads."""
    first = Event("head", line.issuer.book.signed_head(time.time()))
    line.attacked_by(lambda event: [first] if event.name == "head" else [])
    before = line.notices.fresh_at
    seen = line.issuer.counts["head"]
    assert line.until(lambda: line.issuer.counts["head"] > seen + HEADS)
    assert line.notices.fresh_at == before


@pytest.mark.parametrize("ahead", [60, 10**6])
def test_a_head_from_the_future_does_not_make_it_fresh_for_ever(line: Line, ahead: int):
    line.issuer.carrier = lambda event: (
        [Event("head", line.issuer.book.signed_head(time.time() + ahead))]
        if event.name == "head"
        else [event]
    )
    seen = line.issuer.counts.get("head", 0)
    assert line.until(lambda: line.issuer.counts.get("head", 0) > seen + HEADS)
    assert line.notices.fresh_at <= time.time() + 10


def test_every_line_twice_changes_nothing(line: Line):
    line.attacked_by(lambda event: [event, event])
    assert line.until(lambda: line.reason() is Reason.REVOKED)
    fresh_at = time.time()
    assert line.until(lambda: line.notices.fresh_at > fresh_at)
    assert line.issuer.counts["snapshot"] == 1


def test_lines_out_of_order_are_asked_for_again(line: Line):
    held: list[Event] = []

    def swapping(event: Event) -> list[Event]:
        if event.name != "notice":
            return [event]
        held.append(event)
        return held[::-1] if len(held) % 2 == 0 else []

    assert line.until(lambda: line.issuer.streams == 1)
    line.issuer.carrier = swapping
    line.issuer.end(Ended.FAMILY, "f7")
    line.issuer.end(Ended.FAMILY, FAMILY)
    seen = line.issuer.counts.get("head", 0)
    assert line.until(lambda: line.issuer.counts.get("head", 0) > seen + HEADS)
    line.issuer.carrier = honest
    assert line.until(lambda: line.reason() is Reason.REVOKED)
    fresh_at = time.time()
    assert line.until(lambda: line.notices.fresh_at > fresh_at)


def test_an_invented_ending_does_not_last(issuer: TinyIssuer):
    """A carrier that could end what it likes would be an administrator."""
    skew = [0.0]
    options = Options(clock=lambda: time.time() + skew[0])
    invented = Notice(Ended.FAMILY, FAMILY, 10**10).text().decode()
    with Guard(issuer.url, audience=AUDIENCE, options=options) as guard:
        assert guard.wait_until_fresh(10)
        line = Line(issuer, guard)
        number = len(issuer.book.texts) + 1
        lie = Event("notice", invented, f"{issuer.book.epoch}:{number}")
        issuer.carrier = lambda event: [lie, event]
        assert line.until(lambda: line.reason() is Reason.REVOKED)
        issuer.carrier = honest
        issuer.cut_streams()
        skew[0] = 5.0  # ours is five seconds ahead of theirs: the lie is then five seconds younger
        real_time = issuer.book.signed_head
        issuer.book.signed_head = lambda at: real_time(at + 14.0)
        assert line.until(lambda: line.reason() is None)


def test_heads_and_snapshots_of_a_stranger_are_nothing(line: Line):
    """Signed well, but by a key that the issuer does not publish; or by its key for tokens."""
    book = line.issuer.book
    for key in (PrivateKey.generate(), line.issuer.key):
        line.issuer.carrier = lambda event, key=key: (
            [Event("head", jwt.sign(book.head(time.time()), key, HEAD_TYPE))]
            if event.name == "head"
            else []
        )
        line.issuer.snapshot_answer = lambda key=key: book.signed_snapshot(time.time(), key=key)
        line.issuer.cut_streams()
        seen = line.issuer.counts.get("head", 0)
        assert line.until(lambda seen=seen: line.issuer.counts.get("head", 0) > seen + 2)
        before = line.notices.fresh_at
        assert line.until(lambda seen=seen: line.issuer.counts.get("head", 0) > seen + HEADS)
        assert line.notices.fresh_at == before


def test_endless_resets_bring_snapshots_and_no_harm(line: Line):
    ended_at = line.attacked_by(
        lambda event: [Event("reset", "{}")] if event.name == "head" else []
    )
    assert line.until(lambda: line.reason() is Reason.REVOKED)
    assert line.until(lambda: line.notices.fresh_at > ended_at)


def test_a_flood_of_nonsense_is_cut(line: Line):
    """A line without an end, then quiet: the guard hangs up and comes back."""
    flood = Event("head", "x" * 400_000)
    line.attacked_by(lambda event: [flood] if event.name == "head" else [event])
    line.issuer.carrier = honest
    fresh_at = time.time()
    assert line.until(lambda: line.notices.fresh_at > fresh_at)
    assert line.reason() is Reason.REVOKED
