"""Which claims about a person a scope opens."""

import msgspec
import pytest

from counterfoil.server.protocol.person import personal_claims
from counterfoil.server.records.user import User

ADA = User(id="u1", email="ada@example.com", created_at=1, name="Ada", password_hash="x")


@pytest.mark.parametrize(
    ("scopes", "claims"),
    [
        ({"openid"}, {}),
        ({"openid", "profile"}, {"name": "Ada"}),
        ({"openid", "email"}, {"email": "ada@example.com", "email_verified": False}),
        ({"openid", "offline_access"}, {}),
        (
            {"profile", "email"},
            {"name": "Ada", "email": "ada@example.com", "email_verified": False},
        ),
    ],
)
def test_a_scope_opens_its_own_claims(scopes: set[str], claims: dict[str, object]):
    """OpenID Connect Core §5.4."""
    found = msgspec.to_builtins(personal_claims(ADA, frozenset(scopes)))
    assert found == {"sub": "u1"} | claims


def test_a_person_without_a_name_has_none():
    """OpenID Connect Core §5.3.2: left out, not null."""
    nobody = User(id="u2", email="x@example.com", created_at=1)
    found = msgspec.to_builtins(personal_claims(nobody, frozenset({"profile"})))
    assert found == {"sub": "u2"}


def test_a_language_is_told_where_one_was_chosen():
    """OpenID Connect Core §5.1; under the scope ``profile`` alone (§5.4)."""
    german = User(id="u3", email="x@example.com", created_at=1, language="de")
    assert personal_claims(german, frozenset({"profile"})).locale == "de"
    assert personal_claims(german, frozenset({"openid", "email"})).locale is None
