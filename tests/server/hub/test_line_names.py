"""Names of guards' lines: given, known again, and not to be guessed from another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.server.hub.line_names import LineNames

NAMES = LineNames(b"k" * 32)
LINE = NAMES.make("process", b"drawn at random")


def test_every_process_of_the_installation_knows_whose_line_it_is():
    assert NAMES.process_in(LINE) == "process"
    assert LineNames(b"k" * 32).process_in(LINE) == "process"
    assert LineNames(b"K" * 32).process_in(LINE) is None


@pytest.mark.parametrize(
    "forged", ["", ".", "..", "x.y.z", LINE[:-1], f"x{LINE}", f"{LINE}é", LINE.rpartition(".")[0]]
)
def test_a_line_that_nobody_named_is_none(forged: str):
    assert NAMES.process_in(forged) is None


@given(st.integers(0, len(LINE) - 1), st.characters())
def test_no_character_of_a_name_can_be_changed(at: int, character: str):
    changed = LINE[:at] + character + LINE[at + 1 :]
    assert NAMES.process_in(changed) == ("process" if changed == LINE else None)
