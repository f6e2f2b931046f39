"""A logout token says whose session has ended, and is nothing else (Back-Channel Logout §2.6)."""

from typing import Any

import msgspec
import pytest

from counterfoil.oauth.logout_token import (
    EVENT,
    LIFETIME,
    SKEW,
    Between,
    Ended,
    LogoutToken,
    WrongLogoutToken,
    read,
)

NOW = 1_800_000_000
BETWEEN = Between("https://id.example", "app")


def claims(**changed: Any) -> dict[str, Any]:
    token = LogoutToken(
        iss="https://id.example",
        aud="app",
        iat=NOW,
        exp=NOW + LIFETIME,
        jti="one",
        sub="ada",
        sid="s",
    )
    made = msgspec.to_builtins(token) | changed
    return {name: value for name, value in made.items() if value is not None}


def test_what_we_sign_is_what_the_specification_says():
    assert claims() == {
        "iss": "https://id.example",
        "aud": "app",
        "iat": NOW,
        "exp": NOW + 120,
        "jti": "one",
        "sub": "ada",
        "sid": "s",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }


def test_it_says_whose_session_has_ended():
    assert read(claims(), BETWEEN, NOW) == Ended("one", "ada", "s", NOW, NOW + LIFETIME + SKEW)
    assert read(claims(sid=None), BETWEEN, NOW).sid == ""
    assert read(claims(sub=None), BETWEEN, NOW).sub == ""
    assert read(claims(aud=["app"]), BETWEEN, NOW).sub == "ada"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"aud": "other"},
        {"aud": ["app", "other"]},
        {"aud": []},
        {"iat": NOW + SKEW + 1},
        {"iat": "now"},
        {"exp": NOW - SKEW},
        {"exp": NOW + 3601},
        {"exp": None},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 1025},
        {"events": None},
        {"events": {}},
        {"events": {EVENT: None}},
        {"events": {"http://schemas.openid.net/event/other": {}}},
        {"nonce": "n0nce"},
        {"sub": None, "sid": None},
        {"sub": "", "sid": ""},
        {"sub": 7},
        {"sub": "a\0b"},
        {"sid": "a\0b"},
    ],
)
def test_whatever_is_not_one_for_us_is_refused(changed: dict[str, Any]):
    with pytest.raises(WrongLogoutToken):
        read(claims(**changed), BETWEEN, NOW)
