"""A grant: what a person allowed an app, apart from any token."""

from msgspec.structs import fields

from counterfoil.server.records.grant import Grant


def test_a_grant_knows_who_whom_and_when_and_no_token():
    """S09: user, app and time; nothing in it depends on a token or a session."""
    names = {field.name for field in fields(Grant)}
    assert {"user_id", "client_id", "created_at", "access"} <= names
    assert not {name for name in names if "token" in name or "session" in name}
