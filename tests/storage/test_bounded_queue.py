"""A queue of two lines is bounded, keeps its order, and lets nobody starve or wait for ever."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from counterfoil.server.records.failures import Overloaded
from counterfoil.server.storage.bounded_queue import URGENT_IN_A_ROW, BoundedQueue, Bounds

MOST = 6
SECONDS = 5.0


def test_a_line_that_is_full_turns_the_next_away_at_once_and_keeps_room_for_the_urgent() -> None:
    queue = BoundedQueue[str](Bounds(2, SECONDS))
    for name in ("first", "second"):
        queue.join(name, 0.0)
    with pytest.raises(Overloaded):
        queue.join("third", 0.0)
    queue.join("an ending", 0.0, urgent=True)
    assert [queue.pop() for _ in range(3)] == ["an ending", "first", "second"]


def test_a_flood_of_urgent_ones_lets_the_others_in() -> None:
    queue = BoundedQueue[str](Bounds(100, SECONDS))
    for number in range(2):
        queue.join(f"other {number}", 0.0)
    for _ in range(10 * URGENT_IN_A_ROW):
        queue.join("urgent", 0.0, urgent=True)
    order = [queue.pop() for _ in range(2 * (URGENT_IN_A_ROW + 1))]
    one_round = ["urgent"] * URGENT_IN_A_ROW
    assert order == [*one_round, "other 0", *one_round, "other 1"]


def test_whoever_is_due_is_stale_at_that_very_moment() -> None:
    """The clock is a fraction: 19.9 - 5 is a little less than 14.9."""
    queue = BoundedQueue[str](Bounds(1, SECONDS))
    queue.join("first", 14.9)
    assert queue.due is not None
    assert list(queue.stale(queue.due)) == ["first"]


class Lines(RuleBasedStateMachine):
    """Anything may come in any order; a list for each line is all that the queue may be."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = BoundedQueue[int](Bounds(MOST, SECONDS))
        self.lines: dict[bool, list[tuple[float, int]]] = {True: [], False: []}
        self.now = 0.0
        self.number = 0
        self.passed_over = 0

    @rule(urgent=st.booleans())
    def join(self, urgent: bool) -> None:
        self.number += 1
        line = self.lines[urgent]
        if len(line) == MOST:
            with pytest.raises(Overloaded):
                self.queue.join(self.number, self.now, urgent=urgent)
        else:
            self.queue.join(self.number, self.now, urgent=urgent)
            line.append((self.now, self.number))

    @precondition(lambda self: len(self.queue))
    @rule()
    def pop(self) -> None:
        given = self.queue.pop()
        fronts = {urgent: line[0][1] for urgent, line in self.lines.items() if line}
        (urgent,) = [urgent for urgent, front in fronts.items() if front == given]
        self.lines[urgent].pop(0)
        self.passed_over = self.passed_over + 1 if urgent and self.lines[False] else 0
        assert self.passed_over <= URGENT_IN_A_ROW

    @rule(seconds=st.sampled_from([0.0, 1.0, 4.9, 5.0, 60.0]))
    def turn_clock(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def shed(self) -> None:
        shed = set(self.queue.stale(self.now))
        for urgent, line in self.lines.items():
            kept = [each for each in line if each[0] + SECONDS > self.now]
            assert {number for _, number in line} - {number for _, number in kept} <= shed
            self.lines[urgent] = kept
        left = {number for line in self.lines.values() for _, number in line}
        assert not left & shed

    @rule()
    def clear(self) -> None:
        given = list(self.queue.clear())
        assert sorted(given) == sorted(n for line in self.lines.values() for _, n in line)
        self.lines = {True: [], False: []}
        self.passed_over = 0

    @invariant()
    def holds_what_joined(self) -> None:
        assert len(self.queue) == sum(map(len, self.lines.values()))
        joined = [since for line in self.lines.values() for since, _ in line]
        assert self.queue.due == (min(joined) + SECONDS if joined else None)


TestLines: Any = Lines.TestCase
