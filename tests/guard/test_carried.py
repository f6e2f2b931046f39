"""What a carrier brings: whole or in pieces, in whatever order, true or not."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.guard.carried import (
    HEADS_A_SECOND,
    HEADS_AT_ONCE,
    MOST_HEADS,
    MOST_HELD,
    CarriedReader,
)
from counterfoil.guard.feed_reader import FeedReader
from counterfoil.guard.notices import Verdict
from counterfoil.guard.snapshot_reader import Untrusted
from counterfoil.jose import jwt
from counterfoil.jose.keys import KeySet, PrivateKey
from counterfoil.net.event_stream import Event, event
from counterfoil.oauth.feed import HEAD_TYPE
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Notice
from tests.guard.desk import Desk
from tests.guard.issuer import AUDIENCE, Book

FAR = 10**10


class Carried:
    """A guard at the issuer's desk, that hears it by a carrier alone."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.book = self.desk.book
        self.state = self.desk.state
        self.state.feed_keys.take(KeySet([self.book.key.public]).as_jwks())
        self.reader = CarriedReader(self.state.notices, FeedReader(self.state))
        self.tokens = [self.desk.token(jti=f"t{number}", fam=f"f{number}") for number in range(9)]

    def end(self, *families: int) -> list[bytes]:
        """End families; gives the lines."""
        places = [
            self.book.add(Notice(Ended.FAMILY, f"f{family}", FAR)).number for family in families
        ]
        return [self.line(number) for number in places]

    def line(self, number: int, text: str = "", epoch: str = "") -> bytes:
        line = self.book.line(number) if number <= len(self.book.texts) else None
        said = text or (line.data if line else "")
        return event("notice", said, f"{epoch or self.book.epoch}:{number}")

    def head(self, number: int | None = None, later: float = 1.0) -> bytes:
        self.desk.clock.now += later
        return event("head", self.book.signed_head(self.desk.clock.now, number))

    def take(self, *pieces: bytes) -> Verdict:
        verdict = Verdict.GO_ON
        for piece in pieces:
            verdict = self.reader.take(piece, self.desk.clock.now)
            if verdict is not Verdict.GO_ON:
                break
        return verdict

    def refused(self) -> list[int]:
        reasons = {number: self.desk.reason(token) for number, token in enumerate(self.tokens)}
        assert set(reasons.values()) <= {None, Reason.REVOKED}
        return [number for number, reason in reasons.items() if reason]

    @property
    def lag(self) -> float:
        return self.desk.clock.now - self.state.notices.fresh_at


@pytest.fixture
def carried() -> Carried:
    return Carried()


def lie(kind: Ended = Ended.FAMILY, name: str = "f5", generation: int = 0) -> str:
    return Notice(kind, name, FAR, generation).text().decode()


def test_lines_count_when_a_head_proves_them(carried: Carried):
    lines = carried.end(1, 2)
    assert carried.take(*lines) is Verdict.GO_ON
    assert carried.refused() == []
    assert carried.take(carried.head()) is Verdict.GO_ON
    assert carried.refused() == [1, 2]
    assert carried.lag == 0


def test_one_piece_may_hold_them_all(carried: Carried):
    lines = carried.end(1, 2)
    assert carried.take(b"".join(lines) + carried.head()) is Verdict.GO_ON
    assert carried.refused() == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        lie(),
        lie(Ended.API, AUDIENCE, 10**9),
        lie(Ended.CLIENT, "c1", 10**9),
        "no notice",
    ],
)
def test_a_forged_line_ends_nothing_for_any_moment(carried: Carried, text: str):
    """Whoever may write to a carrier is no administrator, not even until the next head."""
    assert carried.take(carried.line(1, text)) is Verdict.GO_ON
    assert carried.refused() == []
    assert carried.take(carried.head()) is Verdict.GO_ON
    assert carried.refused() == []
    carried.end(1)
    assert carried.take(carried.line(1), carried.head()) is Verdict.RESUME
    assert carried.refused() == []


def test_an_altered_line_is_not_taken_for_the_true_one(carried: Carried):
    carried.end(1)
    assert carried.take(carried.line(1, lie()), carried.head()) is Verdict.RESUME
    assert carried.refused() == []
    assert carried.lag > 0
    carried.reader.begin()
    assert carried.take(carried.line(1), carried.head()) is Verdict.GO_ON
    assert carried.refused() == [1]


def test_a_line_that_is_held_back_shows_with_the_second_head(carried: Carried):
    """The first may have overtaken it."""
    _, second = carried.end(1, 2)
    assert carried.take(second, carried.head()) is Verdict.GO_ON
    assert carried.lag > 0
    assert carried.take(carried.head()) is Verdict.RESUME
    assert carried.lag > 1


def test_a_line_behind_its_head_is_in_time(carried: Carried):
    (line,) = carried.end(1)
    assert carried.take(carried.head(), line, carried.head()) is Verdict.GO_ON
    assert carried.refused() == [1]


def test_replayed_heads_make_it_no_fresher(carried: Carried):
    old = carried.head()
    assert carried.take(old) is Verdict.GO_ON
    carried.end(1)
    fresh_at = carried.state.notices.fresh_at
    for _ in range(5):
        carried.desk.clock.now += 5
        assert carried.take(old) is Verdict.GO_ON
    assert carried.state.notices.fresh_at == fresh_at
    carried.desk.clock.now += 60
    assert carried.desk.reason(carried.tokens[0]) is Reason.STALE


@pytest.mark.parametrize("ahead", [11, 10**6])
def test_a_head_of_later_makes_it_no_fresher(carried: Carried, ahead: float):
    head = carried.head(later=ahead)
    carried.desk.clock.now -= ahead
    assert carried.take(head) is Verdict.GO_ON
    assert carried.lag == 0


def test_heads_of_strangers_are_a_reason_to_go(carried: Carried):
    stranger = PrivateKey.generate()
    for key, typ in ((stranger, HEAD_TYPE), (carried.book.key, "at+jwt")):
        signed = jwt.sign(carried.book.head(carried.desk.clock.now), key, typ)
        assert carried.take(event("head", signed)) is Verdict.RESUME
    assert carried.take(event("head", "x.y.z")) is Verdict.RESUME


def test_an_issuer_of_the_same_keys_but_another_name_proves_nothing(carried: Carried):
    """Two issuers of one carrier, and somebody who swaps their messages."""
    other = Book("https://other.example", carried.book.epoch, carried.book.key)
    other.add(Notice(Ended.FAMILY, "f1", FAR))
    assert carried.take(event("notice", other.texts[0], "e1:1")) is Verdict.GO_ON
    assert carried.take(event("head", other.signed_head(carried.desk.clock.now))) is Verdict.GO_ON
    assert carried.refused() == []


def test_an_old_epoch_is_passed_over_and_a_new_one_is_asked_about(carried: Carried):
    before = carried.head()
    lines = [carried.line(number, lie(), epoch="e0") for number in range(1, 4)]
    assert carried.take(before, *lines, before) is Verdict.GO_ON
    anew = Book(carried.book.iss, "e2", carried.book.key)
    anew.add(Notice(Ended.FAMILY, "f1", FAR))
    assert carried.take(event("notice", anew.texts[0], "e2:1")) is Verdict.GO_ON
    carried.desk.clock.now += 1
    head = event("head", anew.signed_head(carried.desk.clock.now))
    assert carried.take(head) is Verdict.RESUME
    assert carried.refused() == []


def test_nothing_that_it_brings_demands_a_snapshot(carried: Carried):
    """A reset, or nonsense, is the issuer's to say; here it is passed over."""
    nonsense = [
        event("reset", "{}"),
        b"",
        b"\x00\xff",
        event("notice", "x"),
        event("acknowledge", "e1:1"),
    ]
    assert carried.take(*nonsense) is Verdict.GO_ON
    assert carried.take(event("notice", "x" * 300_000, "e1:1"), carried.head()) is Verdict.GO_ON
    assert carried.lag == 0


def test_what_is_held_is_bounded(carried: Carried):
    """However far ahead they say that they are."""
    verdicts = {carried.take(carried.line(2 + number, lie())) for number in range(MOST_HELD)}
    assert verdicts == {Verdict.GO_ON}
    assert carried.take(carried.line(10**15, lie())) is Verdict.RESUME
    carried.reader.begin()
    long = lie(name="x" * 200_000)
    taken = [carried.take(carried.line(2 + number, long)) for number in range(100)]
    assert taken[-1] is Verdict.RESUME


def test_a_head_far_ahead_costs_nothing(carried: Carried):
    for _ in range(3):
        carried.end(*range(9))
    assert carried.take(carried.head()) is Verdict.GO_ON
    assert carried.take(carried.head()) is Verdict.RESUME


def test_it_says_whether_a_head_is_of_now(carried: Carried):
    old, now = carried.head(), carried.desk.clock
    assert carried.reader.is_up_to_date(old, now(), 10)
    assert not carried.reader.is_up_to_date(b"".join(carried.end(1)), now(), 10)
    carried.take(carried.line(1), carried.head(later=11))
    assert not carried.reader.is_up_to_date(old, now(), 10)
    stranger = jwt.sign(carried.book.head(now()), PrivateKey.generate(), HEAD_TYPE)
    with pytest.raises(Untrusted):
        carried.reader.is_up_to_date(event("head", stranger), now(), 10)


def test_more_heads_than_an_honest_server_sends_are_not_looked_at(carried: Carried):
    """Each costs a verification; they are small, and a message may be long."""
    heads = b"".join(carried.head() for _ in range(MOST_HEADS))
    assert carried.take(heads) is Verdict.GO_ON
    assert carried.take(heads + carried.head()) is Verdict.RESUME
    assert carried.lag > 0


def test_replaying_what_is_genuine_buys_no_more_verifications(carried: Carried):
    """Who may write there has but to repeat the newest head; a guard has other things to do."""
    head = carried.head()
    replayed = head * MOST_HEADS
    pieces = 0
    while carried.take(replayed) is Verdict.GO_ON:
        pieces += 1
    assert pieces == HEADS_AT_ONCE // MOST_HEADS
    with pytest.raises(Untrusted, match="more heads"):
        carried.reader.is_up_to_date(head, carried.desk.clock.now, 10)
    carried.reader.begin()
    carried.desk.clock.now += 1
    for _ in range(int(HEADS_A_SECOND) // MOST_HEADS):
        assert carried.take(replayed) is Verdict.GO_ON
    assert carried.take(replayed) is Verdict.RESUME


@given(st.permutations(range(1, 8)), st.lists(st.integers(1, 7), max_size=7), st.data())
def test_in_whatever_order_and_however_often(
    order: Sequence[int], again: list[int], data: st.DataObject
):
    """Reordered and repeated, all is there when the head comes; a lost line is never missed."""
    carried = Carried()
    carried.end(*range(1, 8))
    lost = data.draw(st.sets(st.integers(1, 7), max_size=2))
    for number in [*order, *again]:
        if number not in lost:
            assert carried.take(carried.line(number)) is Verdict.GO_ON
    assert carried.take(carried.head()) is Verdict.GO_ON
    if lost:
        assert carried.lag > 0
        assert carried.take(carried.head()) is Verdict.RESUME
    else:
        assert carried.refused() == list(range(1, 8))
        assert carried.lag == 0


def test_what_the_issuer_said_meanwhile_is_known_here(carried: Carried):
    """The guard goes from one to the other and back: each goes on where the other left off."""
    first, second, third = carried.end(1, 2, 3)
    assert carried.take(first, carried.head(1)) is Verdict.GO_ON
    direct = FeedReader(carried.state)
    direct.take(Event("notice", carried.book.texts[1], "e1:2"), carried.desk.clock.now)
    carried.reader.begin()
    assert carried.take(second, third, carried.head()) is Verdict.GO_ON
    assert carried.refused() == [1, 2, 3]
    assert carried.lag == 0
