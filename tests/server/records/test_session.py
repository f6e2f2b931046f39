"""A session and its two ends: its age, and being left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from counterfoil.server.records.session import Origin, Session, SessionStyle

SESSION = Session(
    id="s",
    digest=b"d" * 32,
    user_id="u",
    auth_time=1000,
    last_used_at=2000,
    expires_at=9000,
    origin=Origin("127.0.0.1", "Firefox"),
)


@pytest.mark.parametrize(
    ("now", "idle", "lives"),
    [(2000, 1, True), (2001, 1, False), (2599, 600, True), (2600, 600, False), (9000, 9999, False)],
)
def test_it_ends_by_age_and_by_idleness(now: int, idle: int, lives: bool):
    assert SESSION.is_live(now, idle) is lives


def test_an_ended_one_does_not_live():
    assert not replace(SESSION, ended_at=2000).is_live(2000, 600)


@pytest.mark.parametrize(
    ("style", "now", "lives"),
    [
        (SessionStyle.SLIDING, 2600, False),
        (SessionStyle.SESSION, 2599, True),
        (SessionStyle.SESSION, 2600, False),
        (SessionStyle.PERSISTENT, 2600, True),
        (SessionStyle.PERSISTENT, 8999, True),
        (SessionStyle.PERSISTENT, 9000, False),
    ],
)
def test_only_a_persistent_one_is_not_ended_by_idleness(style: SessionStyle, now: int, lives: bool):
    """S34: at the server a session until the browser closes ends as a sliding one does."""
    assert replace(SESSION, style=style).is_live(now, 600) is lives


@pytest.mark.parametrize(
    ("style", "now", "seconds"),
    [
        (SessionStyle.SESSION, 1000, None),
        (SessionStyle.PERSISTENT, 1000, 8000),
        (SessionStyle.PERSISTENT, 8999, 1),
        (SessionStyle.SLIDING, 1000, 660),
        (SessionStyle.SLIDING, 8500, 500),
    ],
)
def test_the_cookie_lives_as_its_style_says(style: SessionStyle, now: int, seconds: int | None):
    """S34: never beyond the session's own end."""
    assert replace(SESSION, style=style).cookie_lifetime(now, 600) == seconds


def test_only_a_sliding_one_gets_its_cookie_anew():
    late = {style: replace(SESSION, style=style).cookie_is_due(2500, 600) for style in SessionStyle}
    assert [style for style, due in late.items() if due] == [SessionStyle.SLIDING]


@given(st.integers(1, 3000), st.lists(st.integers(0, 900), max_size=20))
def test_no_browser_forgets_a_sliding_session_before_the_server_does(idle: int, waits: list[int]):
    """S34: whenever it is used, as long as it is used in time."""
    now = SESSION.auth_time
    used = replace(SESSION, last_used_at=now, cookie_set_at=now)
    cookie_ends = now + (used.cookie_lifetime(now, idle) or 0)
    for wait in waits:
        now += wait
        if not used.is_live(now, idle):
            return
        assert now < cookie_ends
        if used.cookie_is_due(now, idle):
            cookie_ends = now + (used.cookie_lifetime(now, idle) or 0)
            used = replace(used, cookie_set_at=now)
        used = replace(used, last_used_at=now)


def test_what_apps_do_with_it_does_not_put_off_the_cookie():
    """S34: its browser has its cookie since the sign-in, however lately an app used the session."""
    used = replace(SESSION, cookie_set_at=1000, last_used_at=1059)
    assert not used.cookie_is_due(1059, 600)
    assert used.cookie_is_due(1060, 600)
