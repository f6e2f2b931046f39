"""Plain words for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from counterfoil.oauth.access import OPENID_SCOPES, Access
from counterfoil.server.pages.wording import (
    OPENID_PERMISSIONS,
    SPANS,
    ago,
    amount_of,
    device_of,
    end_of,
)
from counterfoil.server.protocol.approval import Span
from counterfoil.server.records.grant import Grant

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/138.0.0.0 Safari/537.36"
)
EDGE = CHROME + " Edg/138.0.0.0"
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.4 Safari/605.1.15"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/138.0.0.0 Mobile Safari/537.36"
)


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (FIREFOX, "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        (EDGE, "Edge on Windows"),
        (SAFARI, "Safari on Mac"),
        (IPHONE, "Safari on iPhone"),
        (ANDROID, "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("python-httpx/0.28", "Python"),
        ("", "An unknown device"),
        ("Something/1.0", "An unknown device"),
    ],
)
def test_a_device_is_named_as_people_name_it(user_agent: str, device: str):
    """S06: a guess from how the browser names itself."""
    assert device_of(user_agent) == device


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (119, "1 minute ago"),
        (120, "2 minutes ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (86_399, "23 hours ago"),
        (86_400, "1 day ago"),
        (2_591_999, "29 days ago"),
        (2_592_000, "1 month ago"),
        (86_400 * 365, "12 months ago"),
    ],
)
def test_a_moment_is_told_in_one_unit(seconds: int, words: str):
    assert ago(1_000_000_000, 1_000_000_000 + seconds) == words


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_any_two_moments_can_be_told(then: int, now: int):
    assert ago(then, now).endswith(("ago", "just now"))


@given(st.text())
def test_any_user_agent_is_named(user_agent: str):
    """S103: no piece of what a browser says of itself is shown."""
    known = {"An unknown device", "curl", "Python", "Node.js"}
    device = device_of(user_agent)
    assert device in known or len(device) < 24


def test_each_openid_scope_is_put_into_plain_words():
    """S10: people are asked in their own language, not in that of the wire."""
    assert OPENID_PERMISSIONS.keys() == OPENID_SCOPES
    assert all(title and "_" not in title for title, _ in OPENID_PERMISSIONS.values())


def test_every_span_that_may_be_chosen_has_its_words():
    """S13: as before is worded with its day."""
    assert set(SPANS) | {Span.AS_BEFORE} == set(Span)


def test_an_end_date_is_named_to_the_minute_where_there_is_one():
    """S13."""
    grant = Grant(id="g", user_id="u", client_id="c", access=Access(), created_at=1, updated_at=1)
    assert end_of(None) is None
    assert end_of(grant) is None
    assert end_of(replace(grant, ends_at=1_800_000_000)) == "15 January 2027, 08:00 UTC"


@pytest.mark.parametrize(
    ("amount", "unit", "words"),
    [
        (2500, "EUR", "25.00 EUR"),
        (5, "USD", "0.05 USD"),
        (2500, "JPY", "2500 JPY"),
        (2500, "KWD", "2.500 KWD"),
        (2500, "MB", "2500 MB"),
        (2500, "eur", "2500 eur"),
        (2500, "", "2500"),
        (2**53 - 1, "EUR", "90071992547409.91 EUR"),
    ],
)
def test_an_amount_of_a_currency_is_written_in_whole_parts(amount: int, unit: str, words: str):
    """S15: nobody takes cents for euros, or euros for cents (ISO 4217)."""
    assert amount_of(amount, unit) == words
