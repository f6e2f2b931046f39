"""So many are answered at once, endings before others; and each address comes so often."""

from typing import Any

import pytest

from counterfoil.oauth.errors import OAuthError, TooManyRequests
from counterfoil.server.app import ROUTES
from counterfoil.server.settings import Limits
from counterfoil.server.web.admission import RATE_OF, Admission, Use

NOW = 1_800_000_000.0
ENDINGS = {Use.REVOCATION, Use.LEAVING, Use.ADMINISTRATION}


def admission(**limits: Any) -> Admission:
    return Admission(Limits(**limits), bytes(16))


def is_let_in(place: Admission, use: Use, address: str = "192.0.2.1") -> bool:
    try:
        place.enter(use, address, NOW)
    except TooManyRequests:
        raise
    except OAuthError as error:
        return error.status != 503
    return True


def test_where_all_are_busy_only_endings_are_let_in_and_not_without_end() -> None:
    place = admission(requests_most=4)
    assert [is_let_in(place, Use.TOKEN) for _ in range(5)] == [True] * 4 + [False]
    for use in Use:
        assert is_let_in(place, use) is (use in ENDINGS or use is Use.HEALTH)
        if use in ENDINGS or use is Use.HEALTH:
            place.leave(use)
    assert [is_let_in(place, Use.REVOCATION) for _ in range(2)] == [True, False]
    assert is_let_in(place, Use.HEALTH), "whoever watches it must not take it for dead"
    for _ in range(2):
        place.leave(Use.TOKEN)
    assert is_let_in(place, Use.TOKEN)


def test_who_asks_for_the_health_takes_nobodys_place() -> None:
    """Anybody may, and nobody is turned away: they would keep all others out, endings too."""
    place = admission(requests_most=1)
    for _ in range(50):
        place.enter(Use.HEALTH, "192.0.2.1", NOW)
    assert is_let_in(place, Use.TOKEN)
    for _ in range(50):
        place.leave(Use.HEALTH)
    assert not is_let_in(place, Use.TOKEN)


def test_guards_have_a_place_where_all_are_busy_and_take_none_from_endings() -> None:
    """A flood must not keep them from learning what has ended; nor they those who end it."""
    place = admission(requests_most=16)
    assert all(is_let_in(place, Use.TOKEN) for _ in range(16))
    assert not is_let_in(place, Use.TOKEN)
    assert [is_let_in(place, Use.GUARD) for _ in range(3)] == [True] * 2 + [False]
    assert [is_let_in(place, Use.REVOCATION) for _ in range(3)] == [True] * 2 + [False]


def test_who_is_turned_away_takes_no_place() -> None:
    place = admission(requests_most=1, token_rate_per_minute=1)
    place.enter(Use.TOKEN, "192.0.2.1", NOW)
    place.leave(Use.TOKEN)
    for _ in range(5):
        with pytest.raises(TooManyRequests):
            place.enter(Use.TOKEN, "192.0.2.1", NOW)
    assert is_let_in(place, Use.TOKEN, "192.0.2.2")


@pytest.mark.parametrize("use", [use for use in Use if use in RATE_OF])
def test_each_use_of_each_address_is_counted_apart(use: Use) -> None:
    """Whoever used up one thing can still end things."""
    place = admission(**{RATE_OF[use]: 2})
    for _ in range(2):
        place.enter(use, "192.0.2.1", NOW)
    with pytest.raises(TooManyRequests) as refused:
        place.enter(use, "192.0.2.1", NOW)
    assert (refused.value.status, refused.value.retry_after) == (429, 30)
    place.enter(use, "192.0.2.2", NOW)
    for other in Use:
        if other is not use:
            place.enter(other, "192.0.2.1", NOW)


def test_without_a_rate_an_address_may_come_as_it_likes() -> None:
    place = admission(**dict.fromkeys(set(RATE_OF.values()), 0))
    for use in Use:
        for _ in range(100):
            place.enter(use, "192.0.2.1", NOW)


def test_those_whose_address_nobody_knows_are_not_taken_for_one() -> None:
    """Behind a socket of another kind there is none."""
    place = admission(token_rate_per_minute=1)
    for _ in range(5):
        place.enter(Use.TOKEN, "", NOW)


def test_every_route_for_people_and_clients_has_a_use() -> None:
    """What stands without one is cached, or bounded, or for guards that we know."""
    without = {route.path for route in ROUTES if route.use is Use.OTHER}
    assert without == {
        "/allowances",
        "/jwks.json",
        "/notices/jwks.json",
        "/registry",
        "/reports",
        "/status-lists",
        "/status-lists/{list_id}",
        "/.well-known/oauth-authorization-server",
        "/.well-known/counterfoil-secrets",
        "/.well-known/openid-configuration",
        "/static/{name}",
    }
