"""An authorization code as it is kept."""

from msgspec.structs import fields

from counterfoil.server.records.authorization import MOST_WRONG_VERIFIERS, Authorization


def test_only_the_digest_of_a_code_is_kept():
    """S77: there is no place for the code itself."""
    names = {field.name for field in fields(Authorization)}
    assert "digest" in names
    assert "code" not in names


def test_a_few_wrong_verifiers_are_allowed():
    """RFC 9700 §4.5: mistakes happen, guesses do not help."""
    assert 2 <= MOST_WRONG_VERIFIERS <= 5
