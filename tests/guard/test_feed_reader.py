"""From events to what they prove: nothing unsigned is believed."""

import json

import pytest

from counterfoil.guard.feed_reader import FeedReader, KeptFeed
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.notices import Verdict
from counterfoil.guard.policy import Issuer, Staleness
from counterfoil.guard.snapshot_reader import Untrusted
from counterfoil.jose import jwt
from counterfoil.jose.keys import KeySet, PrivateKey
from counterfoil.net.event_stream import Event
from counterfoil.oauth.feed import HEAD_TYPE, Position
from counterfoil.oauth.revocations import Ended, Marks, Notice
from counterfoil.oauth.snapshot import SNAPSHOT_TYPE
from tests.guard.desk import ISSUER, NOW
from tests.guard.issuer import Book


def state_for(book: Book) -> IssuerState:
    state = IssuerState(Issuer(ISSUER), Staleness.reject())
    state.feed_keys.take(KeySet([book.key.public]).as_jwks())
    return state


@pytest.fixture
def book() -> Book:
    book = Book(ISSUER)
    for number in range(1, 4):
        book.add(Notice(Ended.FAMILY, f"f{number}", int(NOW) + 600))
    return book


@pytest.fixture
def state(book: Book) -> IssuerState:
    return state_for(book)


@pytest.fixture
def reader(state: IssuerState, book: Book) -> FeedReader:
    reader = FeedReader(state, keeps=True)
    assert taken(reader, book.signed_snapshot(NOW, 1), NOW)
    return reader


def taken(reader: FeedReader, snapshot: bytes, now: float) -> bool:
    """Read a snapshot in two pieces, and begin from it."""
    reading = reader.snapshot(now)
    reading.feed(snapshot[:100])
    reading.feed(snapshot[100:])
    return reader.begin(reading, now)


def head(book: Book, at: float, **changes: object) -> Event:
    return Event("head", book.signed_head(at, **changes))


def is_dead(state: IssuerState, family: str) -> bool:
    return state.notices.rejects(Marks("t", family, "c", 0, "a", 0, "k"), 0) is not None


def test_lines_and_heads_make_it_fresh(reader: FeedReader, state: IssuerState, book: Book):
    assert reader.take(book.line(2), NOW) is Verdict.GO_ON
    assert reader.take(book.line(3), NOW) is Verdict.GO_ON
    assert reader.take(head(book, NOW + 2), NOW + 2) is Verdict.GO_ON
    assert state.notices.fresh_at == NOW + 2
    assert is_dead(state, "f3")


def test_a_reset_asks_for_a_snapshot_and_other_events_are_passed_over(reader: FeedReader):
    assert reader.take(Event("reset", "{}"), NOW) is Verdict.TAKE_SNAPSHOT
    assert reader.take(Event("message", "?"), NOW) is Verdict.GO_ON
    assert reader.take(Event("notice", "{}", "nonsense"), NOW) is Verdict.TAKE_SNAPSHOT


@pytest.mark.parametrize("typ", [SNAPSHOT_TYPE, "at+jwt", "JWT"])
def test_only_a_head_is_a_head(reader: FeedReader, state: IssuerState, book: Book, typ: str):
    """S75: a snapshot, or another token under the right key, proves nothing here."""
    signed = jwt.sign(book.head(NOW + 1, 1), book.key, typ)
    assert reader.take(Event("head", signed), NOW + 1) is Verdict.GO_ON
    assert state.notices.fresh_at == NOW


def test_a_head_is_no_snapshot(reader: FeedReader, book: Book):
    with pytest.raises(Untrusted, match="of type notices-snapshot"):
        taken(reader, jwt.sign(book.statement(NOW), book.key, HEAD_TYPE).encode() + b"\n", NOW)


@pytest.mark.parametrize("data", ["", "a.b.c", "{}", "null"])
def test_nonsense_in_place_of_a_head(reader: FeedReader, state: IssuerState, data: str):
    assert reader.take(Event("head", data), NOW) is Verdict.GO_ON
    assert state.notices.fresh_at == NOW


def test_another_key_signs_nothing_here(reader: FeedReader, state: IssuerState, book: Book):
    """A stranger's key, and the key that signs tokens: neither stands in the feed's set."""
    due = state.feed_keys.due = NOW + 300
    stranger = PrivateKey.generate()
    signed = jwt.sign(book.head(NOW + 1, 1), stranger, HEAD_TYPE)
    assert reader.take(Event("head", signed), NOW + 1) is Verdict.GO_ON
    assert state.notices.fresh_at == NOW
    assert state.feed_keys.due < due
    with pytest.raises(Untrusted):
        taken(reader, book.signed_snapshot(NOW, key=stranger), NOW)


@pytest.mark.parametrize("missing", ["iss", "epoch", "number", "digest", "time"])
def test_a_head_needs_all_its_members(
    reader: FeedReader, state: IssuerState, book: Book, missing: str
):
    claims = json.loads(json.dumps({name: getattr(book.head(NOW + 1, 1), name)
                                    for name in ("iss", "epoch", "number", "digest", "time")
                                    if name != missing}))  # fmt: skip
    reader.take(Event("head", jwt.sign(claims, book.key, HEAD_TYPE)), NOW + 1)
    assert state.notices.fresh_at == NOW


def test_a_snapshot_whose_pages_were_altered_is_not_taken(
    reader: FeedReader, state: IssuerState, book: Book
):
    altered = book.signed_snapshot(NOW).replace(b'"f3"', b'"f4"')
    with pytest.raises(Untrusted, match="not what its statement says"):
        taken(reader, altered, NOW)
    assert not is_dead(state, "f4")


def test_before_the_keys_are_here_nothing_is_believed(book: Book):
    reader = FeedReader(IssuerState(Issuer(ISSUER), Staleness.reject()))
    with pytest.raises(Untrusted, match="not here yet"):
        taken(reader, book.signed_snapshot(NOW), NOW)


def restored(reader: FeedReader, book: Book, kept: KeptFeed, now: float) -> IssuerState:
    again = state_for(book)
    FeedReader(again, keeps=True).restore(kept, now)
    return again


def test_what_is_kept_brings_back_everything(reader: FeedReader, state: IssuerState, book: Book):
    """Snapshot, lines and head are verified again, and make the new guard as fresh as the old."""
    reader.take(book.line(2), NOW)
    reader.take(book.line(3), NOW)
    reader.take(head(book, NOW + 2), NOW + 2)
    kept = KeptFeed([book.signed_snapshot(NOW, 1)], reader.take_lines(), reader.head)
    again = restored(reader, book, kept, NOW + 3)
    assert again.notices.position == state.notices.position == Position("e1", 3)
    assert again.notices.fresh_at == NOW + 2
    assert is_dead(again, "f1")
    assert is_dead(again, "f3")


def test_only_what_is_proved_is_kept(reader: FeedReader, book: Book):
    """What a carrier invents never reaches the disk."""
    reader.take(book.line(2), NOW)
    assert reader.take_lines() == []
    reader.take(head(book, NOW + 1, number=2), NOW + 1)
    assert reader.take_lines() == [(2, book.texts[1])]
    invented = Notice(Ended.FAMILY, "victim", int(NOW) + 600).text().decode()
    assert reader.take(Event("notice", invented, "e1:3"), NOW + 1) is Verdict.GO_ON
    assert reader.take(head(book, NOW + 2), NOW + 2) is Verdict.RESUME
    reader.take(book.line(3), NOW + 2)
    reader.take(head(book, NOW + 3), NOW + 3)
    assert reader.take_lines() == [(3, book.texts[2])]


def test_lines_are_not_kept_where_nothing_is(state: IssuerState, book: Book):
    reader = FeedReader(state)
    taken(reader, book.signed_snapshot(NOW, 1), NOW)
    reader.take(book.line(2), NOW)
    reader.take(head(book, NOW + 1, number=2), NOW + 1)
    assert reader.take_lines() == []


def test_what_was_kept_cannot_be_altered(reader: FeedReader, book: Book):
    """A line left out, or a snapshot of our own making: not fresh, or not taken at all."""
    for number in (2, 3):
        reader.take(book.line(number), NOW)
    reader.take(head(book, NOW + 2), NOW + 2)
    lines = reader.take_lines()
    shortened = KeptFeed([book.signed_snapshot(NOW, 1)], lines[1:], reader.head)
    assert restored(reader, book, shortened, NOW + 3).notices.fresh_at == NOW
    own = book.signed_snapshot(NOW, key=PrivateKey.generate())
    for pieces in ([own], [], [book.signed_snapshot(NOW)[:-1]]):
        with pytest.raises(Untrusted):
            restored(reader, book, KeptFeed(pieces, [], ""), NOW)


def test_many_lines_ask_for_a_snapshot(
    reader: FeedReader, book: Book, monkeypatch: pytest.MonkeyPatch
):
    """A restart reads little: the lines kept beside a snapshot are bounded."""
    monkeypatch.setattr("counterfoil.guard.feed_reader.LINES_KEPT", 1)
    assert taken(reader, book.signed_snapshot(NOW, 1), NOW)
    for number in (2, 3):
        assert reader.take(book.line(number), NOW) is Verdict.GO_ON
    assert reader.take(head(book, NOW + 1), NOW + 1) is Verdict.TAKE_SNAPSHOT
    assert taken(reader, book.signed_snapshot(NOW + 1), NOW + 1)
    assert reader.take_lines() == []


def test_a_snapshot_that_was_kept_long_ago_takes_nothing_back(
    reader: FeedReader, state: IssuerState, book: Book
):
    """Whoever puts an old file in the place of a new one: what is known since stays known."""
    reader.take(book.line(2), NOW)
    reader.take(book.line(3), NOW)
    reader.take(head(book, NOW + 2), NOW + 2)
    position = state.notices.position
    old = KeptFeed([book.signed_snapshot(NOW - 9, 1)], [(2, "nonsense")], "nonsense")
    reader.restore(old, NOW + 3)
    assert state.notices.position == position
    assert [number for number, _ in reader.take_lines()] == [2, 3], "they are yet to be kept"
    assert is_dead(state, "f3")


def test_a_line_that_is_said_twice_and_differently_is_not_kept(
    reader: FeedReader, state: IssuerState, book: Book
):
    """One of the two is a lie; which one, only the next head can say."""
    reader.take(book.line(2), NOW)
    lie = Notice(Ended.FAMILY, "victim", int(NOW) + 600).text().decode()
    assert reader.take(Event("notice", lie, "e1:2"), NOW) is not Verdict.GO_ON
    assert state.notices.position == Position("e1", 1)
    reader.take(book.line(2), NOW)
    reader.take(book.line(3), NOW)
    reader.take(head(book, NOW + 1), NOW + 1)
    assert reader.take_lines() == [(2, book.texts[1]), (3, book.texts[2])]
    assert not is_dead(state, "victim")
