"""Which lifetime counts, where several speak."""

import pytest

from counterfoil.server.protocol.lifetimes import earliest, reproof_interval
from counterfoil.server.records.client import Client
from counterfoil.server.records.policy import ClientPolicy
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
    settings = load({}, {"reproof_interval": everyone})
    assert reproof_interval(client(ClientPolicy(reproof_interval=own)), settings) == interval
