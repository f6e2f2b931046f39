"""Judging sign-ins: tables of people, strangers and thieves."""

import pytest
from msgspec.structs import replace

from counterfoil.server.protocol.noticing.sign_ins import Failed, SigningIn, findings
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.habits import DAY, HOUR, MOST_NETWORKS, NO_HABITS, Habits
from counterfoil.server.records.place import NOWHERE, Place, Point

MONDAY = 1_800_000_000 // DAY * DAY - 4 * DAY
BERLIN = Place("DE", "Berlin", "Germany", Point(52.52, 13.4, 20))
POTSDAM = Place("DE", "Potsdam", "Germany", Point(52.4, 13.06, 20))
SYDNEY = Place("AU", "Sydney", "Australia", Point(-33.87, 151.2, 20))
NOW = MONDAY + 30 * DAY + 9 * HOUR
NEW_DEVICE, NEW_PLACE = EventKind.NEW_DEVICE, EventKind.NEW_PLACE
TRAVEL, FAILURES = EventKind.IMPOSSIBLE_TRAVEL, EventKind.FAILURES_BEFORE


def at_home(days: int = 30) -> Habits:
    """Somebody who has signed in from home, at nine, for a month."""
    habits = NO_HABITS
    for day in range(days):
        habits = habits.learned("home", BERLIN, MONDAY + day * DAY + 9 * HOUR)
    return habits


HOME = SigningIn("home", BERLIN, NOW, browser_known=True)


def scores(habits: Habits, now: SigningIn) -> dict[EventKind, int]:
    return {each.kind: each.score for each in findings(habits, now)}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(HOME, {}, id="as always"),
        pytest.param(replace(HOME, network="mobile"), {}, id="the phone's own network"),
        pytest.param(replace(HOME, browser_known=False), {NEW_DEVICE: 35}, id="a new phone"),
        pytest.param(
            replace(HOME, network="cafe", browser_known=False),
            {NEW_DEVICE: 60},
            id="a new browser elsewhere",
        ),
        pytest.param(
            replace(HOME, network="office", place=POTSDAM),
            {NEW_PLACE: 35},
            id="a town nearby: an attacker with a VPN in the country weighs as little",
        ),
        pytest.param(
            replace(HOME, network="hotel", place=SYDNEY, at=NOW + 24 * HOUR),
            {NEW_PLACE: 65},
            id="after a flight, with the own laptop",
        ),
        pytest.param(
            replace(HOME, network="there", place=SYDNEY, browser_known=False, at=NOW - 23 * HOUR),
            {NEW_PLACE: 65, NEW_DEVICE: 60, TRAVEL: 87},
            id="a thief on the other side",
        ),
        pytest.param(replace(HOME, place=NOWHERE), {}, id="no file any more"),
        pytest.param(replace(HOME, place=NOWHERE, network=""), {}, id="no address"),
    ],
)
def test_what_does_not_fit_has_a_score(now: SigningIn, expected: dict[EventKind, int]):
    """S107, S108."""
    assert scores(at_home(), now) == expected


def test_of_whom_nothing_is_known_nothing_is_said():
    stranger = SigningIn("x", SYDNEY, NOW, browser_known=False, failed=Failed(("x",) * 50))
    assert findings(NO_HABITS, stranger) == ()


def test_who_commutes_is_left_alone():
    """Two places a day, every day: told of once at most."""
    habits, told = at_home(3), 0
    for day in range(3, 40):
        for hour, network, place in ((7, "home", BERLIN), (9, "office", POTSDAM)):
            now = SigningIn(network, place, MONDAY + day * DAY + hour * HOUR, browser_known=True)
            told += len(findings(habits, now))
            habits = habits.learned(network, place, now.at)
    assert told == 1


def test_a_vpn_that_is_switched_on_and_off_is_noticed_on_its_first_days_alone():
    """The place becomes theirs on the second day; from then on nothing is impossible about it."""
    habits = at_home(3)
    days = list[int]()
    for day in range(3, 20):
        for minute, network, place in (
            (0, "home", BERLIN),
            (5, "vpn", SYDNEY),
            (9, "home", BERLIN),
        ):
            at = MONDAY + day * DAY + 9 * HOUR + minute * 60
            if findings(habits, SigningIn(network, place, at, browser_known=True)):
                days.append(day)
            habits = habits.learned(network, place, at)
    assert set(days) <= {3, 4}


def test_a_phone_between_networks_is_left_alone():
    """However many a carrier has: the browser is known, the place is the same."""
    habits = at_home()
    for number in range(3 * MOST_NETWORKS):
        now = SigningIn(f"carrier {number}", BERLIN, NOW + number * HOUR, browser_known=True)
        kinds = set(scores(habits, now))
        assert kinds <= {EventKind.UNUSUAL_TIME}
        habits = habits.learned(now.network, BERLIN, now.at)


@pytest.mark.parametrize(
    ("failed", "network", "known", "expected"),
    [
        pytest.param(Failed(("x",) * 4), "x", False, 62, id="guessed from there, then right"),
        pytest.param(Failed(("x",) * 2), "x", False, None, id="mistyped twice"),
        pytest.param(Failed(("x",) * 50), "x", False, 85, id="no more than so much"),
        pytest.param(
            Failed(tuple(map(str, range(20)))), "x", False, 80, id="from everywhere, then right"
        ),
        pytest.param(Failed(("z",) * 99), "home", False, None, id="a stranger guesses; at home"),
        pytest.param(Failed(("x",) * 99), "x", True, None, id="the browser is known"),
        pytest.param(Failed((), ("x",) * 3), "x", False, 35, id="wrong codes"),
        pytest.param(Failed((), ("z",) * 9), "x", False, None, id="wrong codes of somebody else"),
        pytest.param(Failed(("x",) * 3, ("x",) * 3), "x", False, 85, id="both"),
    ],
)
def test_failures_before_count_where_they_came_from(
    failed: Failed, network: str, known: bool, expected: int | None
):
    """S108: what strangers guess is no reason to doubt the owner."""
    now = replace(HOME, network=network, browser_known=known, failed=failed)
    assert scores(at_home(), now).get(FAILURES) == expected


def test_reasons_have_figures_and_places():
    now = replace(HOME, network="x", place=SYDNEY, browser_known=False, failed=Failed(("x",) * 7))
    reasons = {each.kind: " ".join(each.reasons) for each in findings(at_home(), now)}
    assert "No sign-in from Sydney, Australia before. Known are Berlin." in reasons[NEW_PLACE]
    assert "7 wrong passwords came from this network" in reasons[FAILURES]
    assert "The network is new, too." in reasons[NEW_DEVICE]
