"""Which lifetime counts, where several speak."""

import pytest

from counterfoil.server.protocol.lifetimes import earliest, limits_of, reproof_interval
from counterfoil.server.records.client import Client
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.refresh_limits import FOREVER, RefreshLimits
from counterfoil.server.settings import DAY, load


def client(policy: ClientPolicy) -> Client:
    return Client(
        client_id="c",
        client_name="C",
        created_at=1,
        grant_types=(),
        scopes=frozenset(),
        policy=policy,
    )


@pytest.mark.parametrize(
    ("moments", "first"), [((), None), ((None,), None), ((None, 3, 2), 2), ((0, None), 0)]
)
def test_the_earliest_moment_counts_and_never_is_none(
    moments: tuple[int | None, ...], first: int | None
):
    assert earliest(*moments) == first


@pytest.mark.parametrize(
    ("everyone", "own", "interval"),
    [(0, None, None), (0, 60, 60), (DAY, None, DAY), (DAY, 60, 60), (60, DAY, 60)],
)
def test_a_client_may_ask_for_proof_more_often_never_more_seldom(
    everyone: int, own: int | None, interval: int | None
):
    """S30."""
    limits = limits_of(load({}, {"reproof_interval": everyone}))
    assert reproof_interval(client(ClientPolicy(reproof_interval=own)), limits) == interval


def test_the_limits_of_refreshing_are_those_of_the_settings():
    """S26, S30: without a ``reproof_interval`` nobody has to prove anew who they are."""
    said = {
        "refresh_idle_lifetime": 1,
        "refresh_absolute_lifetime": 2,
        "offline_idle_lifetime": 3,
        "offline_absolute_lifetime": 4,
    }
    assert limits_of(load({}, said)) == RefreshLimits(1, 2, 3, 4, FOREVER)
    assert limits_of(load({}, said | {"reproof_interval": 5})) == RefreshLimits(1, 2, 3, 4, 5)
