"""What a client reads from a refusal."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.challenge import BOTH, Challenge
from counterfoil.oauth.challenge_reading import Said, challenges_in, parameter_in
from counterfoil.oauth.reasons import Reason


@pytest.mark.parametrize("reason", list(Reason))
def test_what_a_guard_says_is_read_as_it_was_said(reason: Reason):
    """RFC 6750 §3, RFC 9449 §7.1: two challenges, the reason in the first."""
    header = Challenge(reason, realm='a "b" \\', scope="x y", schemes=BOTH).header
    first, second = challenges_in(header)
    assert (first.scheme, second.scheme) == ("bearer", "dpop")
    assert first.parameters["error_reason"] == reason.value
    assert first.parameters["realm"] == second.parameters["realm"] == 'a "b" \\'
    assert parameter_in(header, "scope") == "x y"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ()),
        ("Bearer", (("bearer", {}),)),
        ("Basic, Bearer", (("basic", {}), ("bearer", {}))),
        ('BEARER Error="a", SCOPE = b', (("bearer", {"error": "a", "scope": "b"}),)),
        ('Bearer error="a", error="b"', (("bearer", {"error": "a"}),)),
        ('Bearer error="never ends', (("bearer", {}),)),
        ("Negotiate abc==, Bearer error=x", (("negotiate", {}), ("bearer", {"error": "x"}))),
        ('error="x"', ()),
    ],
)
def test_every_way_to_write_it(header: str, expected: tuple[tuple[str, dict[str, str]], ...]):
    """RFC 9110 §11.6.1; what is malformed ends the reading, and raises nothing."""
    assert challenges_in(header) == tuple(Said(*each) for each in expected)


def test_only_a_token_s_scheme_is_asked():
    assert parameter_in('Basic error="invalid_token", Bearer realm="x"', "error") == ""
    assert parameter_in('Basic realm="x", DPoP error="invalid_token"', "error") == "invalid_token"
    assert parameter_in('Bearer realm="error=\\"invalid_token\\""', "error") == ""


@given(st.text(max_size=200))
def test_nothing_makes_it_fail(header: str):
    challenges_in(header)


def test_a_long_header_takes_no_long_time():
    started = time.process_time()
    for piece in ("a=", "a ", '"', 'a="', "\\", 'a="\\', ", ", "a=b,"):
        challenges_in(f"Bearer {piece * 100_000}")
    assert time.process_time() - started < 5
