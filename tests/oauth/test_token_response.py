"""The answer of the token endpoint (RFC 6749 §5.1)."""

import msgspec

from counterfoil.oauth.token_response import TokenResponse

WHOLE = TokenResponse(
    access_token="the-access-token",
    token_type="Bearer",
    expires_in=3600,
    scope="a b",
    refresh_token="the-refresh-token",
    id_token="the-id-token",
)


def test_members_carry_the_names_of_the_specification():
    """RFC 6749 §5.1, OpenID Connect Core §3.1.3.3."""
    assert msgspec.to_builtins(WHOLE).keys() == {
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "refresh_token",
        "id_token",
    }


def test_what_there_is_not_is_left_out():
    """RFC 6749 §5.1: optional members are absent, not null."""
    bare = TokenResponse(access_token="x", token_type="Bearer", expires_in=1, scope="a")
    assert b"null" not in msgspec.json.encode(bare)
    assert "refresh_token" not in msgspec.to_builtins(bare)


def test_it_does_not_show_its_tokens():
    """S110: a repr ends up in a log sooner or later."""
    for shown in (repr(WHOLE), str(WHOLE), f"{[WHOLE]}"):
        assert "the-" not in shown
        assert "a b" in shown
