"""User codes: drawn evenly, shown in two halves, read however they are typed (RFC 8628 §6.1)."""

from collections import Counter
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.user_code import ALPHABET, LENGTH, MOST_TYPED, new_user_code, read, shown

CODES = st.text(ALPHABET, min_size=LENGTH, max_size=LENGTH)
MARKS = st.text(" -._/", max_size=3)


def test_no_letter_makes_a_word_or_looks_like_a_digit():
    assert not set(ALPHABET) & set("AEIOUY0123456789")
    assert len(ALPHABET) ** LENGTH > 2**34


def test_every_letter_is_as_likely_as_any_other():
    """A byte that would favour the first letters is thrown away."""
    bytes_in_turn = (each % 256 for each in count())

    def random(number: int) -> bytes:
        return bytes(next(bytes_in_turn) for _ in range(number))

    counted = Counter("".join(new_user_code(random) for _ in range(1024)))
    assert set(counted) == set(ALPHABET)
    assert max(counted.values()) - min(counted.values()) <= 32, "of 410 each"


def test_bytes_that_would_favour_letters_are_drawn_again():
    drawn = iter([b"\xff" * 16, b"\xf0" * 16, bytes(16)])
    assert new_user_code(lambda _: next(drawn)) == ALPHABET[0] * LENGTH


@given(CODES, st.lists(MARKS, min_size=LENGTH + 1, max_size=LENGTH + 1), st.booleans())
def test_it_is_read_however_it_is_typed(code: str, marks: list[str], lower: bool):
    typed = marks[0] + "".join(map("".join, zip(code, marks[1:], strict=True)))
    assert read(typed.lower() if lower else typed) == code


@given(CODES)
def test_what_is_shown_is_read(code: str):
    assert read(shown(code)) == code
    assert shown(code)[LENGTH // 2] == "-"


@pytest.mark.parametrize(
    "typed",
    ["", "BCDF", "BCDFGHJKL", "ABCDFGHJ", "BCDF-GH1K", "ﬀBCDFGH", "B" * 8 + "é", "B" * 9, "-" * 8],
)
def test_what_is_no_code_is_none(typed: str):
    assert read(typed) is None


@given(st.text())
def test_nothing_but_a_code_comes_out(typed: str):
    code = read(typed)
    assert code is None or (len(code) == LENGTH and set(code) <= set(ALPHABET))


def test_an_endless_one_is_not_read():
    assert read(" " * MOST_TYPED + "BCDFGHJK") is None
