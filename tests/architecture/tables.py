"""The tables of the handbook that name modules and tests, and whether what they name is there."""

import ast
import re
from pathlib import Path

from tests.architecture.sources import ROOT, SOURCE, functions

NOTHING = "-"


def rows_of(page: Path) -> list[list[str]]:
    """The cells of a page's only table, without its header and rule."""
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def header_of(page: Path) -> str:
    lines = page.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("|"))


def names_in(cell: str) -> list[str]:
    return [] if cell == NOTHING else re.split(r"[\s,]+", cell.replace("`", "").strip())


def missing_modules(names: list[str]) -> list[str]:
    """Names are paths below src/counterfoil, or below the root."""
    return [name for name in names if not ((SOURCE / name).exists() or (ROOT / name).exists())]


def missing_tests(node_ids: list[str]) -> list[str]:
    return [node_id for node_id in node_ids if words_of(node_id) is None]


def words_of(node_id: str) -> str | None:
    """A test's name and docstring; None when there is no such test."""
    path, _, name = node_id.partition("::")
    if not path.startswith("tests/") or not (ROOT / path).is_file():
        return None
    for function in functions((ROOT / path).read_text(encoding="utf-8")):
        if function.name == name.rpartition("::")[2] and function.name.startswith("test_"):
            return f"{function.name} {ast.get_docstring(function) or ''}"
    return None
