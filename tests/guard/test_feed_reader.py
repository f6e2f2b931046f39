"""From events to what they prove: nothing unsigned is believed."""

import json

import pytest

from counterfoil.guard.feed_reader import FeedReader, Untrusted
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.notices import Verdict
from counterfoil.guard.policy import Issuer, Staleness
from counterfoil.jose import jwt
from counterfoil.jose.keys import KeySet, PrivateKey
from counterfoil.net.event_stream import Event
from counterfoil.oauth.feed import HEAD_TYPE, SNAPSHOT_TYPE, Position
from counterfoil.oauth.revocations import Ended, Marks, Notice
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
    reader = FeedReader(state)
    assert reader.take_snapshot(book.signed_snapshot(NOW, 1), NOW)
    return reader


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
        reader.take_snapshot(jwt.sign(book.snapshot(NOW), book.key, HEAD_TYPE), NOW)


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
        reader.take_snapshot(jwt.sign(book.snapshot(NOW), stranger, SNAPSHOT_TYPE), NOW)


@pytest.mark.parametrize("missing", ["iss", "epoch", "number", "digest", "time"])
def test_a_head_needs_all_its_members(
    reader: FeedReader, state: IssuerState, book: Book, missing: str
):
    claims = json.loads(json.dumps({name: getattr(book.head(NOW + 1, 1), name)
                                    for name in ("iss", "epoch", "number", "digest", "time")
                                    if name != missing}))  # fmt: skip
    reader.take(Event("head", jwt.sign(claims, book.key, HEAD_TYPE)), NOW + 1)
    assert state.notices.fresh_at == NOW


def test_a_snapshot_with_an_unreadable_notice_is_not_taken(reader: FeedReader, book: Book):
    book.texts[0] = "{}"
    with pytest.raises(Untrusted, match="cannot be read"):
        reader.take_snapshot(book.signed_snapshot(NOW), NOW)


def test_before_the_keys_are_here_nothing_is_believed(book: Book):
    reader = FeedReader(IssuerState(Issuer(ISSUER), Staleness.reject()))
    with pytest.raises(Untrusted, match="not here yet"):
        reader.take_snapshot(book.signed_snapshot(NOW), NOW)


def test_what_is_kept_brings_back_everything(reader: FeedReader, state: IssuerState, book: Book):
    """Snapshot, lines and head are verified again, and make the new guard as fresh as the old."""
    reader.take(book.line(2), NOW)
    reader.take(book.line(3), NOW)
    reader.take(head(book, NOW + 2), NOW + 2)
    again = state_for(book)
    FeedReader(again).restore(reader.feed, NOW + 3)
    assert again.notices.position == state.notices.position == Position("e1", 3)
    assert again.notices.fresh_at == NOW + 2
    assert is_dead(again, "f1")
    assert is_dead(again, "f3")


def test_what_was_kept_cannot_be_altered(reader: FeedReader, book: Book):
    """A line left out, or a snapshot of our own making: not fresh, or not taken at all."""
    for number in (2, 3):
        reader.take(book.line(number), NOW)
    reader.take(head(book, NOW + 2), NOW + 2)
    kept = reader.feed
    shortened = type(kept)(kept.snapshot, kept.tail[1:], kept.head)
    again = state_for(book)
    FeedReader(again).restore(shortened, NOW + 3)
    assert again.notices.fresh_at == NOW
    own = jwt.sign(book.snapshot(NOW), PrivateKey.generate(), SNAPSHOT_TYPE)
    with pytest.raises(Untrusted):
        FeedReader(state_for(book)).restore(type(kept)(own), NOW)


def test_a_long_tail_asks_for_a_snapshot(
    reader: FeedReader, book: Book, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("counterfoil.guard.feed_reader.TAIL_KEPT", 1)
    assert reader.take(book.line(2), NOW) is Verdict.GO_ON
    assert reader.take(book.line(3), NOW) is Verdict.TAKE_SNAPSHOT
    assert reader.take_snapshot(book.signed_snapshot(NOW + 1), NOW + 1)
    assert reader.feed.tail == ()
