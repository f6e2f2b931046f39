"""Times that a clock can hold (RFC 7519 §2)."""

import msgspec
import pytest

from counterfoil.oauth.numeric_date import NumericDate


@pytest.mark.parametrize("seconds", [0, 1_800_000_000, 2**53, -(2**53)])
def test_a_time_is_the_same_as_a_float(seconds: int):
    assert msgspec.convert(seconds, NumericDate) == seconds
    assert int(float(seconds)) == seconds


@pytest.mark.parametrize("other", [2**53 + 1, -(2**53) - 1, 10**400, -(10**400), 1.5, True, "1"])
def test_what_is_further_or_no_whole_number_is_none(other: object):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(other, NumericDate)
