"""What is dead stays dead, and nothing else dies: properties of the set."""

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Marks, Notice, RevocationSet, notice_from

NAMES = st.sampled_from(["a", "b", "c"])
AGES = st.sampled_from([0, 3, 6])
NOTICES = st.builds(
    Notice, st.sampled_from(Ended), NAMES, st.integers(1, 20), st.integers(0, 4), AGES
)
MARKS = st.builds(Marks, NAMES, NAMES | st.just(""), NAMES, st.integers(0, 4), NAMES,
                  st.integers(0, 4), NAMES, st.integers(0, 9))  # fmt: skip
TIMES = st.integers(0, 20)
BOOKS = st.lists(NOTICES, max_size=12)
_PARENT = Marks("b", "", "b", 0, "b", 0, "b")


def holding(notices: list[Notice]) -> RevocationSet:
    held = RevocationSet()
    for notice in notices:
        held.apply(notice)
    return held


def ends(notice: Notice, marks: Marks, now: int) -> bool:
    """The rule, said once more and slowly."""
    if notice.kind in (Ended.CLIENT, Ended.API):
        outlived = notice.max_age == 0 or now - marks.issued_at >= notice.max_age
        return outlived and older(notice, marks)
    match notice.kind:
        case Ended.TOKEN:
            return marks.jti == notice.name
        case Ended.FAMILY:
            return marks.family == notice.name
        case Ended.KEY:
            return marks.kid == notice.name
    return False


def older(notice: Notice, marks: Marks) -> bool:
    if notice.kind is Ended.CLIENT:
        return marks.client_id == notice.name and marks.client_generation < notice.generation
    return marks.audience == notice.name and marks.api_generation < notice.generation


@given(BOOKS, MARKS, TIMES)
def test_a_token_is_refused_exactly_where_a_notice_ends_it(
    notices: list[Notice], marks: Marks, now: int
):
    """S37, S45: what nothing has ended is never refused; siblings survive."""
    refused = holding(notices).rejects(marks, now) is not None
    assert refused == any(ends(notice, marks, now) for notice in notices)


@given(BOOKS, st.randoms(use_true_random=False), MARKS, TIMES)
def test_order_and_repetition_do_not_matter(
    notices: list[Notice], chance: object, marks: Marks, now: int
):
    shuffled = notices * 2
    chance.shuffle(shuffled)
    assert holding(notices).rejects(marks, now) == holding(shuffled).rejects(marks, now)
    assert len(holding(notices)) == len(holding(shuffled))


@given(BOOKS, BOOKS, MARKS, TIMES, TIMES)
def test_what_is_dead_stays_dead(
    notices: list[Notice], more: list[Notice], marks: Marks, now: int, further: int
):
    """S26: no later notice and no later hour brings anything back."""
    held = holding(notices)
    before = held.rejects(marks, now)
    for notice in more:
        held.apply(notice)
    assert before is None or held.rejects(marks, now + further) is not None


@given(BOOKS, MARKS, st.integers(0, 25))
def test_nothing_is_forgotten_before_its_time(notices: list[Notice], marks: Marks, now: int):
    """S41: a notice that a living token can still need is kept."""
    held = holding(notices)
    held.forget(now)
    if any(notice.until > now and ends(notice, marks, now) for notice in notices):
        assert held.rejects(marks, now) is not None


@given(BOOKS)
def test_the_set_is_empty_when_all_has_expired(notices: list[Notice]):
    """S41: it grows with live notices only."""
    held = holding(notices)
    held.forget(20)
    assert len(held) == 0


@given(BOOKS, BOOKS, MARKS, TIMES, TIMES)
def test_two_sets_together_are_the_set_of_all_notices(
    some: list[Notice], others: list[Notice], marks: Marks, now: int, later: int
):
    together = holding(some)
    together.update(holding(others))
    assert together.rejects(marks, now) == holding(some + others).rejects(marks, now)
    assert len(together) == len(holding(some + others))
    together.forget(later)
    expected = holding(some + others)
    expected.forget(later)
    assert together.rejects(marks, now) == expected.rejects(marks, now)


@given(st.lists(st.tuples(NAMES, st.integers(1, 20))), MARKS, st.booleans())
def test_many_at_once_are_as_many_notices(
    names: list[tuple[str, int]], marks: Marks, families: bool
):
    held = RevocationSet()
    (held.end_families if families else held.end_tokens)(names)
    kind = Ended.FAMILY if families else Ended.TOKEN
    one_by_one = holding([Notice(kind, name, until) for name, until in names])
    assert held.rejects(marks, 0) == one_by_one.rejects(marks, 0)


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
    assert held.rejects(Marks("t", "f", "c", 0, "a", 0, "k"), 0) is Reason.KEY_RETIRED
    assert held.rejects(Marks("t", "f", "c", 0, "a", 0, "other"), 0) is None


def test_a_shortened_lifetime_counts_from_the_issue_and_spares_later_generations():
    """S26: shortening takes effect at once; what is issued afterwards goes by its own ``exp``."""
    held = holding([Notice(Ended.API, "a", 999, generation=2, max_age=60)])
    old, new = (Marks("t", "f", "c", 0, "a", generation, "k", 100) for generation in (1, 2))
    assert held.rejects(old, 159) is None
    assert held.rejects(old, 160) is Reason.EXPIRED
    assert held.rejects(new, 500) is None


@given(BOOKS, MARKS, st.integers(0, 25), st.integers(0, 25))
def test_it_says_when_a_token_expires_that_outlives_nothing_else(
    notices: list[Notice], marks: Marks, exp: int, now: int
):
    """S26: before that second no shortened lifetime refuses it; from then on one does, or exp."""
    shortening = [notice for notice in notices if notice.max_age]
    held = holding([n for n in shortening if n.kind in (Ended.CLIENT, Ended.API)])
    expired = now >= exp or held.rejects(marks, now) is not None
    assert (now >= held.expiry_of(marks, exp)) == expired


@given(BOOKS, MARKS, MARKS)
@example([Notice(Ended.TOKEN, "b", 20)], Marks("a", "", "a", 0, "a", 0, "a"), _PARENT)
@example([Notice(Ended.KEY, "b", 20)], Marks("a", "", "a", 0, "a", 0, "a"), _PARENT)
def test_what_ends_a_parent_ends_what_was_made_of_it(
    notices: list[Notice], own: Marks, parent: Marks
):
    """RFC 8693: a token that was exchanged for another carries the marks of that."""
    held = holding(notices)
    child = replace(own, parents=(parent,))
    for now in (0, 12):
        expected = held.rejects(own, now) or held.rejects(parent, now)
        assert held.rejects(child, now) == expected
    assert held.expiry_of(child, 20) == min(held.expiry_of(own, 20), held.expiry_of(parent, 20))
