"""The key that a token is bound to (RFC 7800 §3.1)."""

import pytest

from counterfoil.oauth.binding import UNBOUND, Binding, binding_of


@pytest.mark.parametrize("method", ["jkt", "x5t#S256"])
def test_a_confirmation_is_read_and_written(method: str):
    """RFC 9449 §6.1, RFC 8705 §3.1."""
    binding = binding_of({method: "abc"})
    assert binding == Binding(method, "abc")
    assert binding.confirmation() == {method: "abc"}
    assert binding.is_met_by(Binding(method, "abc"))


@pytest.mark.parametrize("proved", [UNBOUND, Binding("jkt", "other"), Binding("x5t#S256", "abc")])
def test_a_bound_token_is_never_met_by_another_key(proved: Binding):
    assert not Binding("jkt", "abc").is_met_by(proved)


def test_a_bearer_token_demands_nothing():
    assert binding_of(None) is UNBOUND
    assert UNBOUND.is_bearer
    assert UNBOUND.confirmation() is None
    assert UNBOUND.is_met_by(Binding("jkt", "abc"))


@pytest.mark.parametrize(
    "cnf",
    [{}, {"jkt": ""}, {"jkt": 1}, {"jwk": {}}, {"jkt": "a", "x5t#S256": "b"}, {"kid": "a"}],
)
def test_what_is_not_understood_can_be_proved_by_nobody(cnf: dict[str, object]):
    """A ``cnf`` that we cannot read must not turn into a bearer token."""
    binding = binding_of(cnf)
    assert not binding.is_bearer
    assert not binding.is_met_by(UNBOUND)
    assert not binding.is_met_by(Binding("jkt", "a"))


def test_the_type_of_a_token_is_that_of_its_binding():
    """RFC 9449 §5; a token that is bound to a certificate is shown as a bearer token (RFC 8705)."""
    assert Binding("jkt", "k").token_type == "DPoP"
    assert Binding("x5t#S256", "c").token_type == UNBOUND.token_type == "Bearer"
