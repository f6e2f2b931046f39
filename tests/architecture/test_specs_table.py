"""docs/specs.md tells the truth: each specification once, and what it names exists."""

import pytest

from tests.architecture.sources import ROOT
from tests.architecture.tables import header_of, missing_modules, missing_tests, names_in, rows_of

PAGE = ROOT / "docs" / "specs.md"
ROWS = rows_of(PAGE)


def test_each_specification_stands_there_once():
    assert header_of(PAGE) == "| specification | what | built in | test node ids |"
    specifications = [row[0] for row in ROWS]
    assert specifications
    assert sorted(set(specifications)) == sorted(specifications)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_specification_names_only_what_exists(row: list[str]):
    """Whatever claims to be built is shown by a test."""
    _, _, built_in, node_ids = row
    assert bool(names_in(built_in)) == bool(names_in(node_ids))
    assert missing_modules(names_in(built_in)) == []
    assert missing_tests(names_in(node_ids)) == []
