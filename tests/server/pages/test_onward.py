"""Where somebody goes on after signing in: by our own words, never by an address of theirs."""

from typing import Any

import pytest

from counterfoil.oauth.parameters import Parameters
from counterfoil.server.pages.onward import Onward, onward_in

NOBODY: Any = None


def read(**given: str) -> Onward:
    return onward_in(NOBODY, NOBODY, Parameters(given, {}))


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "account/apps"),
        ({"next": "nowhere"}, "account/apps"),
        ({"next": "https://evil.example"}, "account/apps"),
        ({"next": "device"}, "device"),
        ({"next": "device", "user_code": "AB&C"}, "device?user_code=AB%26C"),
        (
            {"next": "tokens", "api": "https://a.example/"},
            "account/tokens/new?api=https%3A%2F%2Fa.example%2F",
        ),
        ({"next": "security", "api": "x"}, "account/security"),
        ({"next": "authenticator"}, "sign-in/authenticator?next=security"),
        ({"next": "end-grant"}, "account/apps"),
        ({"next": "end-grant", "name": "../../x?y"}, "account/end/grant/..%2F..%2Fx%3Fy"),
        ({"next": "end-grant", "name": ".."}, "account/apps"),
        ({"next": "forget", "name": "."}, "account/apps"),
        ({"next": "end-client", "name": "app"}, "account/apps"),
        ({"next": "others"}, "account/devices/others"),
        ({"next": "forget", "name": "b1"}, "account/devices/forget/b1"),
    ],
)
def test_a_word_leads_to_a_page_of_ours(given: dict[str, str], path: str):
    assert read(**given).path == path


@pytest.mark.parametrize(
    ("given", "query"),
    [
        ({}, ""),
        ({"next": "password"}, "?next=password"),
        ({"next": "end-user", "name": "a b"}, "?next=end-user&name=a+b"),
    ],
)
def test_it_is_carried_from_page_to_page(given: dict[str, str], query: str):
    onward = read(**given)
    assert onward.query == query
    assert read(**dict(onward.fields)) == onward
