"""docs/asvs.md tells the truth: each row once, in order, kept somewhere and shown by something."""

import re
from types import MappingProxyType

import pytest

from tests.architecture.sources import ROOT
from tests.architecture.tables import header_of, missing_modules, missing_tests, rows_of

PAGE = ROOT / "docs" / "asvs.md"
ROWS = rows_of(PAGE)
NAME = re.compile(r"V(\d+)\.(\d+)\.(\d+)")
WHOLE = MappingProxyType(
    {
        "6.1": 3, "6.2": 12, "6.3": 8, "6.4": 6, "6.5": 8, "6.6": 4, "6.7": 2, "6.8": 4,
        "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2,
    }
)  # fmt: skip
"""How many rows each section of chapters V6 and V7 has."""
LEVELS = {"1", "2", "3"}


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_each_row_stands_there_once_and_in_order():
    assert header_of(PAGE) == "| row | level | where | test |"
    numbers = [tuple(map(int, NAME.fullmatch(row[0]).groups())) for row in ROWS]
    assert numbers == sorted(set(numbers))


def test_authentication_and_sessions_stand_there_whole():
    numbers = {row[0] for row in ROWS}
    assert {
        f"V{section}.{n}" for section, count in WHOLE.items() for n in range(1, count + 1)
    } <= numbers


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_names_only_what_exists(row: list[str]):
    """Its place in the source or the handbook; and tests, or the page that a document's row is."""
    _, level, where, shown = row
    assert level in LEVELS
    assert where
    paths = [name for name in quoted(where) if "/" in name]
    assert missing_modules(paths) == []
    assert quoted(shown)
    pages = [name for name in quoted(shown) if name.startswith("docs/")]
    assert [page for page in pages if not (ROOT / page).is_file()] == []
    assert missing_tests([name for name in quoted(shown) if name not in pages]) == []


def test_a_place_that_is_not_there_is_noticed():
    assert missing_tests(["tests/architecture/test_asvs_table.py::test_nothing"])
    assert missing_modules(["server/nowhere.py"])
