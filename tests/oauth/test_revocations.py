"""What is dead stays dead, and nothing else dies: properties of the set."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Marks, Notice, RevocationSet, notice_from

NAMES = st.sampled_from(["a", "b", "c"])
NOTICES = st.builds(Notice, st.sampled_from(Ended), NAMES, st.integers(1, 20), st.integers(0, 4))
MARKS = st.builds(Marks, NAMES, NAMES | st.just(""), NAMES, st.integers(0, 4), NAMES,
                  st.integers(0, 4), NAMES)  # fmt: skip
BOOKS = st.lists(NOTICES, max_size=12)


def holding(notices: list[Notice]) -> RevocationSet:
    held = RevocationSet()
    for notice in notices:
        held.apply(notice)
    return held


def ends(notice: Notice, marks: Marks) -> bool:
    """The rule, said once more and slowly."""
    match notice.kind:
        case Ended.TOKEN:
            return marks.jti == notice.name
        case Ended.FAMILY:
            return marks.family == notice.name
        case Ended.KEY:
            return marks.kid == notice.name
        case Ended.CLIENT:
            return marks.client_id == notice.name and marks.client_generation < notice.generation
        case Ended.API:
            return marks.audience == notice.name and marks.api_generation < notice.generation
    return False


@given(BOOKS, MARKS)
def test_a_token_is_refused_exactly_where_a_notice_ends_it(notices: list[Notice], marks: Marks):
    """S37, S45: what nothing has ended is never refused; siblings survive."""
    refused = holding(notices).rejects(marks) is not None
    assert refused == any(ends(notice, marks) for notice in notices)


@given(BOOKS, st.randoms(use_true_random=False), MARKS)
def test_order_and_repetition_do_not_matter(notices: list[Notice], chance: object, marks: Marks):
    shuffled = notices * 2
    chance.shuffle(shuffled)
    assert holding(notices).rejects(marks) == holding(shuffled).rejects(marks)
    assert len(holding(notices)) == len(holding(shuffled))


@given(BOOKS, BOOKS, MARKS)
def test_what_is_dead_stays_dead(notices: list[Notice], more: list[Notice], marks: Marks):
    """Generations only rise; no later notice brings anything back."""
    held = holding(notices)
    before = held.rejects(marks)
    for notice in more:
        held.apply(notice)
    assert before is None or held.rejects(marks) is not None


@given(BOOKS, MARKS, st.integers(0, 25))
def test_nothing_is_forgotten_before_its_time(notices: list[Notice], marks: Marks, now: int):
    """S41: a notice that a living token can still need is kept."""
    held = holding(notices)
    held.forget(now)
    if any(notice.until > now and ends(notice, marks) for notice in notices):
        assert held.rejects(marks) is not None


@given(BOOKS)
def test_the_set_is_empty_when_all_has_expired(notices: list[Notice]):
    """S41: it grows with live notices only."""
    held = holding(notices)
    held.forget(20)
    assert len(held) == 0


@given(NOTICES)
def test_a_notice_survives_the_wire(notice: Notice):
    assert notice_from(notice.text()) == notice
    assert notice_from(notice.text().decode()).text() == notice.text()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"kind":"all","name":"a","until":1}'])
def test_what_is_no_notice_is_refused(text: str):
    with pytest.raises(msgspec.DecodeError):
        notice_from(text)


def test_a_withdrawn_key_has_a_reason_of_its_own():
    """S84."""
    held = holding([Notice(Ended.KEY, "k", 9)])
    assert held.rejects(Marks("t", "f", "c", 0, "a", 0, "k")) is Reason.KEY_RETIRED
    assert held.rejects(Marks("t", "f", "c", 0, "a", 0, "other")) is None
