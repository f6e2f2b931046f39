"""What a flow raises."""

from counterfoil.client import NotTrusted, Refused


def test_a_refusal_has_its_code_and_its_sentence():
    refused = Refused("invalid_grant", "It has ended.")
    assert (refused.error, refused.description) == ("invalid_grant", "It has ended.")
    assert str(Refused("invalid_grant")) == "invalid_grant"


def test_what_is_not_trusted_is_no_refusal():
    assert not issubclass(NotTrusted, Refused)
