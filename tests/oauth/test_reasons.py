"""The closed list of reasons (RFC 6750 §3.1)."""

import re
from pathlib import Path

import pytest

from counterfoil.oauth.errors import ERRORS
from counterfoil.oauth.reasons import MEANINGS, Reason, meaning_of


def test_every_reason_has_a_meaning():
    """S109."""
    assert set(MEANINGS) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_meaning_can_be_said_on_the_wire(reason: Reason):
    """RFC 6750 §3: error and error_description hold no quote, backslash or control character."""
    meaning = meaning_of(reason)
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", meaning.sentence)
    assert re.fullmatch(r"[a-z_]*", meaning.error)
    assert re.fullmatch(r"[a-z_]+", reason.value)
    assert meaning.status in {400, 401, 403, 503}


def test_the_error_codes_of_the_specification_have_its_statuses():
    """RFC 6750 §3.1: invalid_request 400, invalid_token 401, insufficient_scope 403."""
    statuses = {"invalid_request": 400, "invalid_token": 401, "insufficient_scope": 403}
    for meaning in MEANINGS.values():
        assert meaning.status == statuses.get(meaning.error, meaning.status)


PAGE = Path(__file__).parents[2] / "docs" / "reference" / "reasons.md"


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its header and rule."""
    after = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    lines = [line for line in after.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [
        [cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines[2:]
    ]


def test_the_handbook_lists_every_reason_as_it_goes_on_the_wire():
    """S109: one closed, documented list, each with what to do."""
    listed = {row[0]: (int(row[1]), row[2].strip("–"), row[3]) for row in rows_of("Access tokens")}
    said = {r.value: (m.status, m.error, m.sentence) for r, m in MEANINGS.items()}
    assert listed == said
    assert all(row[4].endswith(".") for row in rows_of("Access tokens"))
    assert set(MEANINGS) == set(Reason)


def test_the_handbook_lists_every_error_of_the_endpoints():
    """S109."""
    listed = {row[0]: (int(row[1]), row[2]) for row in rows_of("Requests of the endpoints")}
    assert listed == {name: (each.status, each.source) for name, each in ERRORS.items()}
