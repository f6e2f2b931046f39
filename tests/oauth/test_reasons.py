"""The closed list of reasons (RFC 6750 §3.1)."""

import re

import pytest

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
