"""Which lines were blanked: told in stretches, and read back as they were told."""

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.server.records.erased import (
    ABOUT,
    BY,
    PARTS,
    ErasedLines,
    stretches_in,
    stretches_of,
)

NUMBERS = st.frozensets(st.integers(1, 2000), max_size=900)


def read_back(erased: ErasedLines, name: str) -> set[int]:
    return {
        number
        for detail in erased.details()
        for first, last in stretches_in(detail.get(name, ""))
        for number in range(first, last + 1)
    }


@given(NUMBERS, NUMBERS)
def test_what_was_blanked_is_told_in_full_and_nothing_else(
    by: frozenset[int], about: frozenset[int]
):
    erased = ErasedLines(by, about)
    assert (read_back(erased, BY), read_back(erased, ABOUT)) == (by, about)
    assert sum(int(detail[PARTS]) for detail in erased.details()) == erased.parts
    assert all(len(text) < 10_000 for detail in erased.details() for text in detail.values())


def test_stretches_are_spelled_shortly():
    erased = ErasedLines(about=frozenset({9, 3, 4, 5, 12}))
    assert list(erased.details()) == [{PARTS: "5", ABOUT: "3-5,9,12"}]
    assert stretches_of([]) == []
    assert list(ErasedLines().details()) == []


def test_nonsense_tells_of_nothing():
    for text in ("", "0-9", "-5", "1--3", "all", "1-", "٣", "1" * 30):
        assert stretches_in(text) == []
    assert stretches_in("x,4-6, 7,8") == [(4, 6), (8, 8)]
