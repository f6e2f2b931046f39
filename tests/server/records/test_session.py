"""A session and its two ends: its age, and being left alone."""

import pytest
from msgspec.structs import replace

from counterfoil.server.records.session import Origin, Session

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
