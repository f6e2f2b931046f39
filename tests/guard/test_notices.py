"""What a guard knows, and how fresh that is: lines are heard, heads and snapshots prove."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.guard.notices import Notices, Verdict
from counterfoil.oauth.feed import Position, position_from
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Marks, Notice
from counterfoil.oauth.snapshot import SnapshotPages, Unsound
from tests.guard.issuer import Book

ISS = "https://issuer.example"
NOW = 1_800_000_000.0


def book_with(number: int, epoch: str = "e1") -> Book:
    book = Book(ISS, epoch)
    for each in range(1, number + 1):
        book.add(Notice(Ended.FAMILY, f"{epoch}-f{each}", int(NOW) + 600))
    return book


def hear(notices: Notices, book: Book, number: int, now: float = NOW) -> Verdict:
    line = book.line(number)
    return notices.hear(position_from(line.last_id), line.data, now)


def is_dead(notices: Notices, family: str) -> bool:
    return notices.rejects(Marks("t", family, "c", 0, "a", 0, "k"), 0) is Reason.REVOKED


@pytest.fixture
def book() -> Book:
    return book_with(5)


@pytest.fixture
def notices(book: Book) -> Notices:
    notices = Notices(ISS)
    assert notices.begin(book.snapshot(NOW, 2), NOW)
    return notices


def test_a_snapshot_is_the_beginning(notices: Notices):
    assert notices.position == Position("e1", 2)
    assert notices.fresh_at == NOW
    assert is_dead(notices, "e1-f2")
    assert not is_dead(notices, "e1-f3")


def test_before_a_snapshot_nothing_is_known(book: Book):
    notices = Notices(ISS)
    assert hear(notices, book, 1) is Verdict.TAKE_SNAPSHOT
    assert notices.prove(book.head(NOW), NOW) is Verdict.TAKE_SNAPSHOT
    assert notices.fresh_at == float("-inf")


def test_a_line_counts_at_once_and_is_proved_by_the_next_head(notices: Notices, book: Book):
    assert hear(notices, book, 3) is Verdict.GO_ON
    assert is_dead(notices, "e1-f3")
    assert notices.fresh_at == NOW
    assert notices.prove(book.head(NOW + 1, 3), NOW + 1) is Verdict.GO_ON
    assert notices.fresh_at == NOW + 1
    assert is_dead(notices, "e1-f3")


def test_a_head_ahead_waits_for_its_lines(notices: Notices, book: Book):
    """Held-back lines: the guard does not become fresher, and asks again."""
    assert notices.prove(book.head(NOW + 1), NOW + 1) is Verdict.GO_ON
    assert notices.prove(book.head(NOW + 2), NOW + 2) is Verdict.RESUME
    assert notices.fresh_at == NOW


def test_a_head_that_lags_a_little_counts(notices: Notices, book: Book):
    """A second server that is a read behind: all it knew at that time is held."""
    for number in (3, 4, 5):
        hear(notices, book, number)
    assert notices.prove(book.head(NOW + 1, 3), NOW + 1) is Verdict.GO_ON
    assert notices.fresh_at == NOW + 1
    assert is_dead(notices, "e1-f5")


def test_a_head_from_before_the_snapshot_proves_nothing(notices: Notices, book: Book):
    assert notices.prove(book.head(NOW + 1, 1), NOW + 1) is Verdict.GO_ON
    assert notices.fresh_at == NOW


@pytest.mark.parametrize("ahead", [10.5, 1000])
def test_a_head_or_snapshot_from_the_future_is_refused(notices: Notices, book: Book, ahead: float):
    assert notices.prove(book.head(NOW + ahead, 2), NOW) is Verdict.GO_ON
    assert not notices.begin(book.snapshot(NOW + ahead), NOW)
    assert notices.fresh_at == NOW
    assert notices.position == Position("e1", 2)


def test_nothing_older_sets_it_back(notices: Notices, book: Book):
    hear(notices, book, 3)
    notices.prove(book.head(NOW + 5, 3), NOW + 5)
    notices.prove(book.head(NOW + 4, 3), NOW + 5)
    assert not notices.begin(book.snapshot(NOW + 4, 2), NOW + 5)
    assert notices.fresh_at == NOW + 5
    assert notices.position == Position("e1", 3)


def test_words_of_another_issuer_mean_nothing(notices: Notices):
    other = Book("https://other.example")
    other.add(Notice(Ended.FAMILY, "x", int(NOW) + 600))
    assert notices.prove(other.head(NOW + 1), NOW + 1) is Verdict.GO_ON
    assert not notices.begin(other.snapshot(NOW + 1), NOW + 1)
    assert not is_dead(notices, "x")


def test_an_altered_line_shows_at_the_next_head(notices: Notices, book: Book):
    """It is heard again from what is proved; the lie counts until it lapses."""
    invented = Notice(Ended.FAMILY, "victim", int(NOW) + 10**9).text().decode()
    notices.hear(Position("e1", 3), invented, NOW)
    assert notices.prove(book.head(NOW + 1, 3), NOW + 1) is Verdict.RESUME
    assert notices.fresh_at == NOW
    assert notices.position == Position("e1", 2)
    hear(notices, book, 3, NOW + 1)
    assert notices.prove(book.head(NOW + 11, 3), NOW + 11) is Verdict.GO_ON
    assert is_dead(notices, "e1-f3")
    assert not is_dead(notices, "victim")


def test_what_is_not_true_twice_needs_a_snapshot(notices: Notices, book: Book):
    """Where the issuer's own history is another, hearing it again would never end."""
    fork = book_with(2, "e1")
    fork.add(Notice(Ended.FAMILY, "other", int(NOW) + 600))
    verdicts = []
    for at in (1, 2):
        hear(notices, book, 3, NOW + at)
        verdicts.append(notices.prove(fork.head(NOW + at), NOW + at))
    assert verdicts == [Verdict.RESUME, Verdict.TAKE_SNAPSHOT]
    assert notices.begin(fork.snapshot(NOW + 3), NOW + 3)
    assert is_dead(notices, "other")


def test_what_was_invented_lapses(notices: Notices, book: Book):
    """A carrier cannot end what the issuer did not: not for longer than a clock may be off."""
    invented = Notice(Ended.FAMILY, "victim", int(NOW) + 10**9).text().decode()
    notices.hear(Position("e1", 3), invented, NOW)
    assert notices.begin(book.snapshot(NOW + 1), NOW + 1)
    assert is_dead(notices, "victim")
    notices.prove(book.head(NOW + 9), NOW + 9)
    assert is_dead(notices, "victim")
    notices.prove(book.head(NOW + 11), NOW + 11)
    assert not is_dead(notices, "victim")


def test_what_was_invented_beyond_the_end_lapses_though_nothing_follows(
    notices: Notices, book: Book
):
    """No true line ever takes its number: a head that came long after knows nothing of it."""
    invented = Notice(Ended.FAMILY, "victim", int(NOW) + 10**9).text().decode()
    notices.hear(Position("e1", 3), invented, NOW)
    assert notices.prove(book.head(NOW + 10, 2), NOW + 10) is Verdict.GO_ON
    assert is_dead(notices, "victim")
    assert notices.prove(book.head(NOW + 11, 2), NOW + 11) is Verdict.RESUME
    assert notices.position == Position("e1", 2)
    notices.prove(book.head(NOW + 12, 2), NOW + 12)
    assert not is_dead(notices, "victim")
    assert hear(notices, book, 3, NOW + 13) is Verdict.GO_ON


def test_a_true_line_beside_an_invented_one_is_not_lost(notices: Notices, book: Book):
    """Even where the snapshot after it is an old one, replayed."""
    hear(notices, book, 3, NOW + 1)
    notices.hear(Position("e1", 4), Notice(Ended.FAMILY, "victim", 10**10).text().decode(), NOW + 1)
    assert notices.prove(book.head(NOW + 2, 4), NOW + 2) is Verdict.RESUME
    assert notices.begin(book.snapshot(NOW + 0.5, 2), NOW + 2)
    assert notices.position == Position("e1", 2)
    assert is_dead(notices, "e1-f3")
    for number in (3, 4):
        hear(notices, book, number, NOW + 3)
    notices.prove(book.head(NOW + 20, 4), NOW + 20)
    assert is_dead(notices, "e1-f3")
    assert is_dead(notices, "e1-f4")
    assert not is_dead(notices, "victim")


def test_a_line_twice_changes_nothing(notices: Notices, book: Book):
    hear(notices, book, 3)
    assert hear(notices, book, 3) is Verdict.GO_ON
    assert hear(notices, book, 2) is Verdict.GO_ON
    assert notices.position == Position("e1", 3)


def test_another_text_under_a_known_number_is_noticed(notices: Notices, book: Book):
    hear(notices, book, 3)
    other = Notice(Ended.FAMILY, "other", 10**10).text().decode()
    assert notices.hear(Position("e1", 3), other, NOW) is Verdict.RESUME
    assert notices.position == Position("e1", 2)
    assert is_dead(notices, "e1-f3")


@pytest.mark.parametrize(
    ("position", "text", "verdict"),
    [
        (Position("e1", 4), "{}", Verdict.RESUME),
        (Position("e2", 3), "{}", Verdict.TAKE_SNAPSHOT),
        (None, "{}", Verdict.TAKE_SNAPSHOT),
        (Position("e1", 3), "{}", Verdict.TAKE_SNAPSHOT),
        (Position("e1", 3), "", Verdict.TAKE_SNAPSHOT),
    ],
)
def test_a_gap_another_epoch_or_nonsense(
    notices: Notices, position: Position | None, text: str, verdict: Verdict
):
    assert notices.hear(position, text, NOW) is verdict
    assert notices.position == Position("e1", 2)


def test_a_new_epoch_is_taken_and_old_entries_are_kept(notices: Notices):
    """Restore never resurrects: what was ended stays so, whatever the epoch."""
    restored = book_with(1, "e2")
    assert notices.prove(restored.head(NOW + 1), NOW + 1) is Verdict.TAKE_SNAPSHOT
    assert notices.begin(restored.snapshot(NOW + 1), NOW + 1)
    assert notices.position == Position("e2", 1)
    assert is_dead(notices, "e1-f2")
    assert is_dead(notices, "e2-f1")


def test_digests_of_an_old_epoch_say_nothing_about_the_new(notices: Notices, book: Book):
    """A head of the new epoch from before its snapshot is passed over, not taken for a lie."""
    hear(notices, book, 3)
    restored = book_with(5, "e2")
    assert notices.begin(restored.snapshot(NOW + 1, 4), NOW + 1)
    assert notices.prove(restored.head(NOW + 2, 3), NOW + 2) is Verdict.GO_ON
    assert notices.fresh_at == NOW + 1


def test_an_old_epoch_cannot_come_back(notices: Notices, book: Book):
    notices.begin(book_with(1, "e2").snapshot(NOW + 5), NOW + 5)
    assert not notices.begin(book.snapshot(NOW + 4), NOW + 5)
    assert notices.prove(book.head(NOW + 4), NOW + 5) is Verdict.GO_ON
    assert notices.position == Position("e2", 1)
    assert notices.fresh_at == NOW + 5
    assert is_dead(notices, "e1-f5")


def test_a_snapshot_ahead_skips_the_lines_between(notices: Notices, book: Book):
    hear(notices, book, 3)
    assert notices.begin(book.snapshot(NOW + 1, 5), NOW + 1)
    assert notices.position == Position("e1", 5)
    assert is_dead(notices, "e1-f3")
    assert is_dead(notices, "e1-f5")


def test_lines_after_the_snapshot_count_until_they_come_again(notices: Notices, book: Book):
    hear(notices, book, 3)
    hear(notices, book, 4)
    assert notices.begin(book.snapshot(NOW + 1, 3), NOW + 1)
    assert notices.position == Position("e1", 3)
    assert is_dead(notices, "e1-f4")
    hear(notices, book, 4)
    assert notices.prove(book.head(NOW + 2, 4), NOW + 2) is Verdict.GO_ON
    assert notices.fresh_at == NOW + 2


def test_a_snapshot_leads_back_from_a_number_that_was_never_given(book: Book):
    """A line invented beyond the end: the feed goes on where the issuer's ends."""
    notices = Notices(ISS)
    notices.begin(book.snapshot(NOW), NOW)
    notices.hear(Position("e1", 6), Notice(Ended.FAMILY, "x", 10**10).text().decode(), NOW)
    assert notices.position == Position("e1", 6)
    assert notices.begin(book.snapshot(NOW), NOW)
    assert notices.position == Position("e1", 5)


def test_a_forked_history_is_followed_only_forward_in_time(notices: Notices):
    fork = Book(ISS, "e1")
    for name in ("x", "y"):
        fork.add(Notice(Ended.FAMILY, name, 10**10))
    assert not notices.begin(fork.snapshot(NOW), NOW)
    assert notices.begin(fork.snapshot(NOW + 1), NOW + 1)
    assert is_dead(notices, "e1-f2")
    assert is_dead(notices, "y")


def test_half_a_snapshot_changes_nothing(notices: Notices, book: Book):
    half = SnapshotPages(book.statement(NOW + 1), NOW + 1)
    half.feed(book.body()[:-1])
    with pytest.raises(Unsound):
        notices.begin(half, NOW + 1)
    assert notices.position == Position("e1", 2)
    assert not is_dead(notices, "e1-f5")


def test_expired_notices_are_forgotten(notices: Notices):
    """S41."""
    notices.forget(NOW + 599)
    assert len(notices) == 2
    notices.forget(NOW + 600)
    assert len(notices) == 0


def test_lines_without_any_head_have_a_bound(notices: Notices, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("counterfoil.guard.notices.MAX_UNPROVEN", 3)
    book = book_with(10)
    verdicts = [hear(notices, book, number) for number in range(3, 10)]
    assert verdicts[:4] == [Verdict.GO_ON] * 3 + [Verdict.TAKE_SNAPSHOT]


@pytest.mark.parametrize("kind", [Ended.KEY, Ended.KEYS_CHANGED])
def test_news_of_keys_are_passed_on(notices: Notices, kind: Ended):
    notices.hear(Position("e1", 3), Notice(kind, "k", 10**10).text().decode(), NOW)
    assert notices.keys_changed


STEPS = st.one_of(
    st.tuples(st.just("line"), st.integers(1, 6)),
    st.tuples(st.just("invented"), st.integers(1, 9)),
    st.tuples(st.just("head"), st.integers(0, 30)),
    st.tuples(st.just("snapshot"), st.integers(0, 30)),
    st.tuples(st.just("end"), st.just(0)),
)


@given(st.lists(STEPS, max_size=60))
def test_no_carrier_makes_it_fresh_without_the_notices(steps: list[tuple[str, int]]):
    """Whatever is cut, replayed, reordered, doubled or invented on the way.

    Where the guard says "fresh up to t", it holds everything that the issuer had ended by t. What
    the issuer has said and the guard has once heard, it never loses. Time never goes back.
    """
    book, notices, said = Book(ISS, "e1"), Notices(ISS), []
    ended_at: list[float] = []
    said.append((book.head(NOW), book.snapshot(NOW)))
    heard: set[int] = set()
    for step, (what, number) in enumerate(steps, 1):
        now, fresh_at = NOW + step / 10, notices.fresh_at
        match what:
            case "end":
                book.add(Notice(Ended.FAMILY, f"f{len(book.texts) + 1}", int(NOW) + 10**6))
                ended_at.append(now)
            case "line" if number <= len(book.texts):
                before = notices.position
                hear(notices, book, number, now)
                if before and notices.position == Position("e1", before.number + 1):
                    heard.add(number)
            case "invented":
                text = Notice(Ended.FAMILY, f"x{step}", 10**12).text().decode()
                notices.hear(Position("e1", number), text, now)
            case "head":
                notices.prove(said[number % len(said)][0], now)
            case "snapshot":
                notices.begin(said[number % len(said)][1], now)
        said.append((book.head(now), book.snapshot(now)))
        assert notices.fresh_at >= fresh_at
        for index, at in enumerate(ended_at, 1):
            if at <= notices.fresh_at or index in heard:
                assert is_dead(notices, f"f{index}")
