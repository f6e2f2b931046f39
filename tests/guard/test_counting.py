"""Counters that threads share without a lock."""

import sys
from concurrent.futures import ThreadPoolExecutor

from counterfoil.guard.counting import Counter, Counts
from counterfoil.oauth.reasons import Reason


def test_to_read_changes_nothing():
    counter = Counter()
    assert [counter.value for _ in range(3)] == [0, 0, 0]
    counter.add()
    assert [counter.value for _ in range(3)] == [1, 1, 1]


def test_no_thread_takes_a_count_from_another():
    counter, before = Counter(), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work(_: int) -> None:
        for _ in range(20_000):
            counter.add()

    try:
        with ThreadPoolExecutor(8) as threads:
            done = threads.map(work, range(8))
            while counter.value < 1000:
                pass
            list(done)
    finally:
        sys.setswitchinterval(before)
    assert counter.value == 160_000


def test_every_reason_has_a_counter_and_nothing_else_has():
    assert set(Counts().refusals) == set(Reason)
