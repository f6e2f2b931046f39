"""The compact set beside a plain dictionary: it holds the same, whatever is done to both."""

import sys
import threading
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth import dead_handles
from counterfoil.oauth.dead_handles import LATEST, DeadHandles

NAMES = st.integers(0, 60).map(lambda number: f"handle-{number}")
TIMES = st.integers(1, 9)
ADDED = st.tuples(st.just("add"), NAMES, TIMES)
STEPS = st.one_of(
    ADDED,
    st.tuples(st.just("forget"), st.just(""), st.integers(0, 9)),
    st.tuples(st.just("update"), st.lists(st.tuples(NAMES, TIMES)), st.just(0)),
)


@pytest.fixture(autouse=True)
def _small_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_handles, "MOST_IN_BUCKET", 2)


@given(st.lists(STEPS, max_size=80))
def test_it_holds_what_a_dictionary_holds(steps: list[tuple]):
    """Through every cutting of its buckets: nothing is lost, nothing comes of itself."""
    dead, model = DeadHandles(), dict[str, int]()
    for what, name, number in steps:
        match what:
            case "add":
                dead.add(name, number)
                model[name] = max(number, model.get(name, 0))
            case "forget":
                dead.forget(number)
                model = {each: until for each, until in model.items() if until > number}
            case "update":
                others = DeadHandles()
                for each, until in name:
                    others.add(each, until)
                    model[each] = max(until, model.get(each, 0))
                dead.update(others)
        assert len(dead) == len(model)
    assert [dead.holds(f"handle-{n}") for n in range(61)] == [
        f"handle-{n}" in model for n in range(61)
    ]


@given(st.sets(st.text(), max_size=200))
def test_every_name_is_found_and_no_other(names: set[str]):
    dead = DeadHandles()
    for name in names:
        dead.add(name, 1)
    assert all(dead.holds(name) for name in names)
    assert not any(dead.holds(f"{name}?") for name in names if f"{name}?" not in names)


def test_what_was_taken_over_is_its_own():
    some, others = DeadHandles(), DeadHandles()
    others.add("a", 1)
    some.update(others)
    some.add("b", 1)
    others.add("c", 1)
    assert (others.holds("b"), some.holds("c")) == (False, False)
    assert (len(some), len(others)) == (2, 2)


@pytest.mark.parametrize("until", [LATEST, 10**12])
def test_a_time_that_is_too_far_is_never(until: int):
    dead = DeadHandles()
    dead.add("a", until)
    dead.forget(10**13)
    assert dead.holds("a")


def test_a_time_before_all_times_is_forgotten_at_once():
    dead = DeadHandles()
    dead.add("a", -5)
    dead.forget(0)
    assert not dead.holds("a")


def test_what_was_there_is_found_at_every_moment_of_writing():
    """Threads ask while another adds, cuts and forgets: they never miss what stands."""
    dead = DeadHandles()
    lasting = [f"lasting-{number}" for number in range(50)]
    for name in lasting:
        dead.add(name, 100)
    missed: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            missed.extend(name for name in lasting if not dead.holds(name))

    askers = [threading.Thread(target=ask) for _ in range(3)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for asker in askers:
            asker.start()
        for number in range(3000):
            dead.add(f"passing-{number}", 1 + number % 50)
            if number % 100 == 99:
                dead.forget(50)
    finally:
        done.set()
        for asker in askers:
            asker.join()
        sys.setswitchinterval(before)
    assert missed == []
    assert len(dead) == len(lasting)


def test_a_million_take_few_bytes_each(monkeypatch: pytest.MonkeyPatch):
    """S42: the arrays take 12 bytes a handle, and their frames a few more."""
    monkeypatch.setattr(dead_handles, "MOST_IN_BUCKET", 128)
    dead = DeadHandles()
    for number in range(20_000):
        dead.add(f"h{number}", 2_000_000_000 + number)
    assert dead.size_in_bytes() <= 20 * len(dead)


def test_short_hashes_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dead_handles.sys, "hash_info", SimpleNamespace(width=32))
    with pytest.raises(RuntimeError, match="64 bits"):
        DeadHandles()
