"""Guides speak of what there is: every name of the guard in them can be imported (S120)."""

import re

import pytest

import counterfoil.guard
from tests.architecture.sources import ROOT

HOW_TO = ROOT / "docs" / "how-to"
GUIDES = [
    "accept-tokens-of-other-issuers", "choose-how-much-security", "demand-more-of-a-token",
    "keep-tokens-small", "open-an-api-to-browsers-and-strangers", "serve-sessions-and-tokens",
]  # fmt: skip
DEMANDS = ROOT / "docs" / "reference" / "demands.md"
CODE = re.compile(r"```python\n(.*?)```|`([^`\n]+)`", re.DOTALL)
CALLS = re.compile(r"\b([A-Z][A-Za-z]+)[(.]")


def guard_names_in(text: str) -> set[str]:
    return {name for name in CALLS.findall(text) if name != "RFC"}


@pytest.mark.parametrize("guide", GUIDES)
def test_the_guide_speaks_of_what_there_is(guide: str):
    """S120: nothing is advised that cannot be written."""
    text = (HOW_TO / f"{guide}.md").read_text()
    names = guard_names_in("\n".join(block or word for block, word in CODE.findall(text)))
    assert names
    assert names <= set(counterfoil.guard.__all__)


def test_every_demand_stands_in_the_reference():
    named = guard_names_in(DEMANDS.read_text())
    demands = {
        name
        for name in counterfoil.guard.__all__
        if hasattr(getattr(counterfoil.guard, name), "examine") and name != "Demand"
    }
    assert demands <= named
