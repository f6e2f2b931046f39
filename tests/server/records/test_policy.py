"""Policies: what is left open is decided elsewhere."""

import msgspec
import pytest

from counterfoil.server.records.policy import ApiPolicy, ClientPolicy


def test_what_is_not_decided_is_not_written():
    """So that a default of a later version holds for those who never chose."""
    assert msgspec.json.encode(ClientPolicy()) == b"{}"
    assert msgspec.json.encode(ApiPolicy(registry=True)) == b'{"registry":true}'


@pytest.mark.parametrize(
    ("policy", "costs"),
    [
        (ApiPolicy(), False),
        (ApiPolicy(registry=True), True),
        (ApiPolicy(status_list=True), True),
        (ApiPolicy(token_format="reference"), True),
    ],
)
def test_a_plain_token_costs_no_row(policy: ApiPolicy, costs: bool):
    assert policy.costs_a_row is costs
