"""docs/mission.md tells the truth: all rows are there, and what they name exists."""

import re

import pytest

from tests.architecture.sources import ROOT
from tests.architecture.tables import (
    header_of,
    missing_modules,
    missing_tests,
    names_in,
    rows_of,
    words_of,
)

PAGE = ROOT / "docs" / "mission.md"
ROWS = rows_of(PAGE)


def test_all_rows_stand_there_once_and_in_order():
    assert header_of(PAGE) == "| row | what | built in | test node ids |"
    assert [row[0] for row in ROWS] == [f"S{number:02}" for number in range(1, 121)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_names_only_what_exists(row: list[str]):
    """A row names where it is built and the tests that show it, or neither."""
    _, what, built_in, node_ids = row
    assert what
    assert bool(names_in(built_in)) == bool(names_in(node_ids))
    assert missing_modules(names_in(built_in)) == []
    assert missing_tests(names_in(node_ids)) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_is_shown_by_tests_named_for_it(row: list[str]):
    """The row's name stands in each test's name or docstring."""
    unnamed = [
        node_id
        for node_id in names_in(row[3])
        if not re.search(rf"(?<![a-z0-9]){row[0]}(?![0-9])", words_of(node_id) or "", re.I)
    ]
    assert unnamed == []


def test_a_test_that_is_not_there_is_noticed():
    here = "tests/architecture/test_mission_table.py"
    gone = [f"{here}::test_nothing", "tests/nowhere.py::test_x", "src/x.py::test_x"]
    assert missing_tests([f"{here}::test_a_test_that_is_not_there_is_noticed", *gone]) == gone
    assert missing_modules(["oauth/nowhere.py"]) == ["oauth/nowhere.py"]
