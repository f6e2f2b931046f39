"""In folders whose tests run on each engine nothing is kept from one engine to the next."""

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, Function, functions

FOLDERS = [each.parent for each in sorted((ROOT / "tests").glob("*/conftest.py"))]
EACH = [each for each in FOLDERS if "each_engine" in (each / "conftest.py").read_text()]


def lasts(function: Function) -> bool:
    """Whether it is a fixture for longer than a test."""
    return any("fixture(scope=" in ast.unparse(each) for each in function.decorator_list)


@pytest.mark.parametrize("folder", EACH, ids=lambda each: each.name)
def test_what_keeps_files_for_a_module_keeps_them_for_one_engine(folder: Path) -> None:
    """A fixture that did not ask would serve the second engine with what it made on the first."""
    forgetful = [
        f"{path.name}: {each.name}"
        for path in sorted(folder.glob("*.py"))
        for each in functions(path.read_text(encoding="utf-8"))
        if lasts(each)
        and "tmp_path_factory" in (asked := {arg.arg for arg in each.args.args})
        and "on_engine" not in asked
    ]
    assert forgetful == []


def test_flows_and_attacks_run_on_each() -> None:
    assert [each.name for each in EACH] == ["attacks", "flows"]
