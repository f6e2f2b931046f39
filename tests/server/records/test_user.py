"""A person's account."""

import pytest

from counterfoil.server.records.user import User, normalised_email


@pytest.mark.parametrize(
    "email", ["Ada@Example.com", " ada@example.com ", "ADA@EXAMPLE.COM", "ada@example.com"]
)
def test_an_email_is_found_however_it_is_typed(email: str):
    assert normalised_email(email) == "ada@example.com"


def test_people_do_not_stand_in_logs():
    """S110: a repr shows neither the e-mail nor the hash of the password."""
    user = User(id="u1", email="ada@example.com", created_at=1, password_hash="$argon2id$x")
    assert repr(user) == str(user) == "User(id='u1')"


def test_a_disabled_account_is_not_enabled():
    user = User(id="u1", email="ada@example.com", created_at=1)
    assert user.is_enabled
    assert not User(id="u1", email="a@example.com", created_at=1, disabled_at=2).is_enabled
