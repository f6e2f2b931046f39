"""How commands speak."""

import pytest

from counterfoil.cli.output import at, counted, printable


def test_times_are_written_in_utc():
    assert at(0) == "1970-01-01 00:00:00"
    assert at(None) == "–"


@pytest.mark.parametrize(
    ("count", "noun", "expected"),
    [(1, "family", "1 family"), (2, "family", "2 families"), (0, "session", "0 sessions")],
)
def test_things_are_counted(count: int, noun: str, expected: str):
    assert counted(count, noun) == expected


@pytest.mark.parametrize("text", ["a\x1bb", "a\nb", "a\u202eb", "a\x9bb"])
def test_nothing_steers_the_terminal(text: str):
    assert printable(text) == "a�b"
