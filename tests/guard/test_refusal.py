"""Every refusal of a guard has a name, in the answer and in the log (S109, S110)."""

import logging
import secrets

import pytest

from counterfoil.guard.refusal import log_refusal
from counterfoil.guard.token import Rejected
from counterfoil.oauth.reasons import Reason


def test_the_line_is_found_by_the_name_in_the_answer(caplog: pytest.LogCaptureFixture):
    """S109: reason, fingerprint and request id, in both."""
    caplog.set_level(logging.INFO, "counterfoil")
    rejected = Rejected(Reason.REVOKED, detail="for the operator", fingerprint="f1")
    name = log_refusal(rejected, secrets.token_bytes)
    (line,) = caplog.messages
    assert line == f"{name} refused: revoked fingerprint=f1 (for the operator)"
    assert len(name) == 8


def test_no_two_have_the_same_name():
    rejected = Rejected(Reason.MISSING)
    assert len({log_refusal(rejected, secrets.token_bytes) for _ in range(20)}) == 20


@pytest.mark.parametrize("hostile", ["a\nb", "x" * 129, "a b", "\x1b[2J", "\u2028", ""])
def test_a_strange_issuers_name_forges_no_line(caplog: pytest.LogCaptureFixture, hostile: str):
    """S110: an issuer that is trusted with tokens is not trusted with our log."""
    caplog.set_level(logging.INFO, "counterfoil")
    log_refusal(Rejected(Reason.EXPIRED, fingerprint=hostile), secrets.token_bytes)
    (line,) = caplog.messages
    assert "fingerprint=- " in line
    assert hostile == "" or hostile not in line
