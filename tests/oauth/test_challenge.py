"""How a refusal is said (RFC 6750 §3)."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.challenge import BOTH, DPOP, Challenge
from counterfoil.oauth.reasons import Reason, meaning_of

QUOTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))


def members(header: str) -> dict[str, str]:
    """Read a challenge as RFC 9110 §11.2 spells it; fails on anything left over."""
    scheme, _, rest = header.partition(" ")
    assert scheme == "Bearer"
    read = {}
    while rest:
        match = re.match(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:, |$)', rest)
        assert match, rest
        assert match[1] not in read
        read[match[1]] = re.sub(r"\\(.)", r"\1", match[2])
        rest = rest[match.end() :]
    return read


@pytest.mark.parametrize("reason", [each for each in Reason if each is not Reason.MISSING])
def test_every_reason_stands_in_header_and_body(reason: Reason):
    """S109: a failure says why (RFC 6750 §3)."""
    challenge = Challenge(reason)
    meaning = meaning_of(reason)
    said = {"error": meaning.error, "error_description": meaning.sentence, "error_reason": reason}
    assert members(challenge.header) == said == json.loads(challenge.body)
    assert challenge.status == meaning.status


def test_a_request_without_a_token_is_told_no_error():
    """RFC 6750 §3.1: no error code where no authentication was tried."""
    challenge = Challenge(Reason.MISSING, realm="notes")
    assert challenge.header == 'Bearer realm="notes", error_reason="missing"'
    assert json.loads(challenge.body)["error"] == "invalid_request"
    assert challenge.status == 401


def test_the_needed_scope_and_the_fingerprint_are_named():
    """RFC 6750 §3: ``scope`` is what the resource needs."""
    challenge = Challenge(
        Reason.INSUFFICIENT_SCOPE, "", "notes:read notes:write", "t1", request_id="r1"
    )
    assert challenge.status == 403
    assert members(challenge.header)["scope"] == "notes:read notes:write"
    assert json.loads(challenge.body)["fingerprint"] == "t1"
    assert json.loads(challenge.body)["request_id"] == "r1"
    assert json.loads(challenge.body)["scope"] == "notes:read notes:write"


@given(QUOTABLE)
def test_no_realm_breaks_out_of_its_quotes(realm: str):
    read = members(Challenge(Reason.EXPIRED, realm).header)
    assert read.get("realm", "") == realm
    assert read["error_reason"] == "expired"


@pytest.mark.parametrize("bad", ["a\r\nSet-Cookie: x=1", "a\x00", "ä", "a\x7f"])
def test_what_no_header_can_carry_is_refused(bad: str):
    with pytest.raises(ValueError, match="realm"):
        Challenge(Reason.EXPIRED, bad)
    with pytest.raises(ValueError, match="scope"):
        Challenge(Reason.EXPIRED, "", bad)


@pytest.mark.parametrize("scope", ['a"b', "a\\b", "a  b", " a", "a\nb"])
def test_a_scope_is_a_list_of_scopes(scope: str):
    with pytest.raises(ValueError, match="scope"):
        Challenge(Reason.INSUFFICIENT_SCOPE, "", scope)


def test_the_scheme_dpop_names_its_algorithms():
    """RFC 9449 §7.1; what is beside it is offered, not blamed."""
    algs = 'algs="ES256 EdDSA PS256 RS256"'
    header = Challenge(Reason.PROOF_REPLAYED, "notes", schemes=DPOP).header
    assert header.startswith('DPoP realm="notes", error="invalid_dpop_proof", ')
    assert header.endswith(f'error_reason="proof_replayed", {algs}')
    offered = Challenge(Reason.MISSING, schemes=BOTH).header
    assert offered == f'Bearer error_reason="missing", DPoP {algs}'
