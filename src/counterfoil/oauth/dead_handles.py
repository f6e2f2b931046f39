"""Handles that are dead, compactly: a million in some 16 MB, each found within a microsecond. Pure.

A handle is kept as its 64-bit hash, under a key that every process draws for itself (Python's own
hash of strings), so nobody can choose handles that crowd together. Where n are dead, a living one
is taken for dead with a probability of n / 2**64: for a million, one in 18 million millions. A dead
one is never taken for living.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, TypeAlias

MOST_IN_BUCKET: Final = 128
"""Handles in a bucket on average, beyond which every bucket is cut in two."""
LATEST: Final = 2**32 - 1
"""What an ``until`` beyond the year 2106 is kept as: it is never forgotten."""

_Bucket: TypeAlias = tuple["array[int]", "array[int]", int]
"""Hashes in order, when each may be forgotten, and the soonest of these. Never changed."""

_EMPTY: Final[_Bucket] = (array("q"), array("I"), LATEST)


class DeadHandles:
    """A set of names, each with the time at which it may be forgotten.

    Any number of threads may ask while one writes, and a process may fork at any moment: a bucket
    is never changed but replaced whole, and what stood before stays to be found throughout.

    Raises:
        RuntimeError: on a Python whose hashes are too short for this.
    """

    __slots__ = ("_count", "_table")

    def __init__(self) -> None:
        if sys.hash_info.width < 64:
            raise RuntimeError("Counterfoil needs a Python of 64 bits")
        self._count = 0
        # The first bits of a hash choose the bucket. They are read as a signed number, as the
        # whole is, and negative indexes count from the end: so every bucket has its place.
        self._table: tuple[int, list[_Bucket]] = (64, [_EMPTY])

    def __len__(self) -> int:
        return self._count

    def holds(self, name: str) -> bool:
        """Whether a handle is dead."""
        number = hash(name)
        shift, buckets = self._table
        numbers = buckets[number >> shift][0]
        if not numbers:
            return False
        at = bisect_left(numbers, number)
        return at < len(numbers) and numbers[at] == number

    def add(self, name: str, until: int) -> None:
        """Take a handle in until a time (seconds since the epoch); a later one stays as it is."""
        self._add(hash(name), until if 0 <= until < LATEST else LATEST if until > 0 else 0)

    def update(self, others: "DeadHandles") -> None:
        """Take in all that others hold."""
        if not self._count:
            shift, buckets = others._table
            self._table, self._count = (shift, list(buckets)), others._count
            return
        for number, until in others._entries():
            self._add(number, until)

    def forget(self, now: int) -> None:
        """Drop what may be forgotten by now."""
        _, buckets = self._table
        for place, bucket in enumerate(buckets):
            if bucket[2] <= now and bucket[2] < LATEST:
                buckets[place] = left = _without_expired(bucket, now)
                self._count -= len(bucket[0]) - len(left[0])

    def size_in_bytes(self) -> int:
        """Count the bytes that it takes in memory."""
        _, buckets = self._table
        own = [part for bucket in buckets if bucket is not _EMPTY for part in (bucket, *bucket[:2])]
        return sys.getsizeof(buckets) + sum(sys.getsizeof(part) for part in own)

    def _add(self, number: int, until: int) -> None:
        shift, buckets = self._table
        numbers, times, soonest = buckets[number >> shift]
        at = bisect_left(numbers, number)
        if at < len(numbers) and numbers[at] == number:
            if until > times[at]:
                raised = times[:]
                raised[at] = until
                buckets[number >> shift] = (numbers, raised, min(raised))
            return
        numbers, times = numbers[:], times[:]
        numbers.insert(at, number)
        times.insert(at, until)
        buckets[number >> shift] = (numbers, times, min(soonest, until))
        self._count += 1
        if self._count > MOST_IN_BUCKET * len(buckets):
            self._cut_buckets()

    def _cut_buckets(self) -> None:
        shift, buckets = self._table
        half = len(buckets) // 2
        in_order = [*buckets[half:], *buckets[:half]] if half else buckets
        halves: list[_Bucket] = []
        first = -half if half else None
        for place, bucket in enumerate(in_order):
            middle = 0 if first is None else (2 * (place + first) + 1) << (shift - 1)
            halves += _cut(bucket, middle)
        # In order they begin with the most negative; in the table with nought.
        self._table = (shift - 1, [*halves[len(buckets) :], *halves[: len(buckets)]])

    def _entries(self) -> Iterator[tuple[int, int]]:
        for numbers, times, _ in self._table[1]:
            yield from zip(numbers, times, strict=True)


def _cut(bucket: _Bucket, middle: int) -> tuple[_Bucket, _Bucket]:
    numbers, times, _ = bucket
    at = bisect_left(numbers, middle)
    return _bucket(numbers[:at], times[:at]), _bucket(numbers[at:], times[at:])


def _bucket(numbers: "array[int]", times: "array[int]") -> _Bucket:
    return (numbers, times, min(times)) if times else _EMPTY


def _without_expired(bucket: _Bucket, now: int) -> _Bucket:
    numbers, times, _ = bucket
    left = [at for at, until in enumerate(times) if until > now or until == LATEST]
    return _bucket(array("q", [numbers[at] for at in left]), array("I", [times[at] for at in left]))
