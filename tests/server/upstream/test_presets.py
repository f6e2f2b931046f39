"""Presets are providers that could be added."""

import pytest

from counterfoil.server.protocol.policies import demand_bounds
from counterfoil.server.upstream.presets import PRESETS


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_a_preset_keeps_the_bounds_and_trusts_nobody_by_itself(preset):
    demand_bounds(preset.policy)
    assert not preset.policy.trusts_email
    assert not preset.policy.mfa_words
    assert not preset.policy.keeps_tokens
