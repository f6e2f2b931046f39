"""A grant: what a person allowed an app, apart from any token."""

import pytest
from msgspec.structs import fields, replace

from counterfoil.oauth.access import Access
from counterfoil.server.records.grant import Grant


def test_a_grant_knows_who_whom_and_when_and_no_token():
    """S09: user, app and time; nothing in it depends on a token or a session."""
    names = {field.name for field in fields(Grant)}
    assert {"user_id", "client_id", "created_at", "access"} <= names
    assert not {name for name in names if "token" in name or "session" in name}


@pytest.mark.parametrize(
    ("ends_at", "now", "lives"), [(None, 10**12, True), (100, 99, True), (100, 100, False)]
)
def test_it_stands_until_its_end_date_or_until_it_is_taken_back(
    ends_at: int | None, now: int, lives: bool
):
    """S13."""
    grant = Grant(
        id="g",
        user_id="u",
        client_id="c",
        access=Access(),
        created_at=1,
        updated_at=1,
        ends_at=ends_at,
    )
    assert grant.is_live(now) is lives
    assert not replace(grant, ended_at=5).is_live(now)
