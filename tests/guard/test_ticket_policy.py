"""What an owner may decide about tickets."""

from typing import Any

import pytest

from counterfoil.guard import Tickets

KEY = b"k" * 32


@pytest.mark.parametrize(
    "wrong",
    [
        {"keys": ()},
        {"keys": (b"short",)},
        {"keys": (KEY, b"")},
        {"keys": (KEY, KEY)},
        {"keys": KEY},
        {"keys": ("k" * 64,)},
        {"keys": (KEY,), "lifetime": 0},
        {"keys": (KEY,), "lifetime": 3601},
        {"keys": (KEY,), "remembered": 0},
    ],
)
def test_what_cannot_work_is_refused_at_once(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match=r"ticket|key"):
        Tickets(**wrong)


def test_a_ticket_lives_for_five_minutes():
    """S73."""
    assert Tickets(keys=(KEY,)).lifetime == 300


def test_endings_must_be_heard_of():
    policy = Tickets(keys=(KEY,))
    policy.demand_endings(["feed", "none"])
    for way in ("introspect", "status_list"):
        with pytest.raises(ValueError, match="feed"):
            policy.demand_endings(["feed", way])
