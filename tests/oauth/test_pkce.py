"""PKCE with S256 (RFC 7636)."""

import hashlib
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth import pkce

UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
VERIFIERS = st.text(UNRESERVED, min_size=43, max_size=128)


def test_the_example_of_appendix_b():
    """RFC 7636 appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert pkce.challenge_of(verifier) == challenge
    assert pkce.matches(verifier, challenge)


@given(VERIFIERS)
def test_every_verifier_matches_its_own_challenge(verifier: str):
    """RFC 7636 §4.1, §4.2, §4.6."""
    challenge = pkce.challenge_of(verifier)
    assert pkce.is_verifier(verifier)
    assert pkce.is_challenge(challenge)
    assert pkce.matches(verifier, challenge)


@given(VERIFIERS, VERIFIERS)
def test_no_other_verifier_matches(one: str, other: str):
    """RFC 7636 §4.6."""
    assert pkce.matches(one, pkce.challenge_of(other)) == (one == other)


@given(VERIFIERS)
def test_a_challenge_is_not_its_own_verifier(verifier: str):
    """RFC 7636 §7.2: plain never matches."""
    challenge = pkce.challenge_of(verifier)
    assert not pkce.matches(challenge, challenge)


@pytest.mark.parametrize(
    "verifier", ["", "a" * 42, "a" * 129, "a" * 43 + "\n", "a" * 42 + "=", "a" * 42 + "é"]
)
def test_what_is_no_verifier_matches_nothing(verifier: str):
    """RFC 7636 §4.1: also where its hash would be right."""
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert not pkce.is_verifier(verifier)
    assert not pkce.matches(verifier, challenge)


@pytest.mark.parametrize("challenge", ["", "a" * 42, "a" * 44, "a" * 43 + "\n", "a" * 42 + "+"])
def test_what_is_no_challenge_is_known(challenge: str):
    """RFC 7636 §4.2."""
    assert not pkce.is_challenge(challenge)
