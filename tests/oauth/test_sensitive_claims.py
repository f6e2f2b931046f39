"""What may not stand in a readable token (S69)."""

import pytest

from counterfoil.oauth.sensitive_claims import SENSITIVE, Exposed, demand_unreadable


@pytest.mark.parametrize("claim", SENSITIVE)
def test_what_tells_of_a_person_is_refused_with_what_to_do(claim: str):
    with pytest.raises(Exposed) as refused:
        demand_unreadable(["iss", claim, "aud"])
    said = str(refused.value)
    assert claim in said
    assert "encryption=true" in said
    assert "token_format=reference" in said


def test_what_a_token_needs_is_not_sensitive():
    demand_unreadable(["iss", "sub", "aud", "exp", "iat", "client_id", "jti", "scope", "cnf"])


def test_an_operator_marks_more():
    demand_unreadable(["tenant"])
    with pytest.raises(Exposed, match="tenant tells what is marked as sensitive here"):
        demand_unreadable(["tenant"], marked=["tenant"])
