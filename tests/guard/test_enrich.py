import pytest

from counterfoil.guard import Enrich


@pytest.mark.parametrize("wrong", [{"ttl": 0}, {"most": 0}])
def test_what_cannot_be_kept_is_refused(wrong: dict[str, int]):
    with pytest.raises(ValueError, match="kept"):
        Enrich(load=str, **wrong)
