"""Every line of the guard counts when ``make coverage`` asks which ones its tests reach."""

import tomllib

from tests.architecture.sources import ROOT

NOWHERE = {"if TYPE_CHECKING:", r"assert_never\(", r"^\s*\.\.\.$"}
"""What runs nowhere: imports for types, what types have proved, the dots of a protocol."""


def test_nothing_of_the_guard_is_taken_out_of_the_count():
    for module in (ROOT / "src" / "counterfoil" / "guard").glob("**/*.py"):
        assert "pragma: no" not in module.read_text(), module
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]
    assert said["run"]["branch"]
    assert "counterfoil.guard" in said["run"]["source_pkgs"]
    assert set(said["report"]["exclude_also"]) == NOWHERE
    assert not {"exclude", "exclude_lines", "omit", "partial_also"} & (
        set(said["report"]) | set(said["run"])
    )
