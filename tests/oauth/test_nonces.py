"""Nonces that nobody remembers (RFC 9449 §8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.nonces import KEY_BYTES, STEP, Nonces

NOW = 1_800_000_000.0
KEY = bytes(range(KEY_BYTES))


def test_one_is_good_for_a_while_and_then_no_more():
    nonces = Nonces(KEY)
    nonce = nonces.current(NOW)
    assert nonces.knows(nonce, NOW)
    assert nonces.knows(nonce, NOW + STEP)
    assert nonces.current(NOW + STEP) != nonce
    assert not nonces.knows(nonce, NOW + 2 * STEP)


def test_a_process_whose_clock_is_ahead_is_believed_and_the_far_future_is_not():
    nonces = Nonces(KEY)
    assert nonces.knows(nonces.current(NOW + STEP), NOW)
    assert not nonces.knows(nonces.current(NOW + 2 * STEP), NOW)


def test_all_who_hold_the_key_agree_and_nobody_else():
    nonce = Nonces(KEY).current(NOW)
    assert Nonces(KEY).knows(nonce, NOW)
    assert not Nonces(bytes(KEY_BYTES)).knows(nonce, NOW)


@given(st.text(max_size=30))
def test_what_was_not_issued_is_not_known(text: str):
    assert not Nonces(KEY).knows(text, NOW)


def test_none_is_no_nonce():
    assert not Nonces(KEY).knows(None, NOW)


def test_a_short_key_is_refused_and_none_shows_itself():
    with pytest.raises(ValueError, match="32 bytes"):
        Nonces(b"short")
    assert "01" not in repr(Nonces(KEY))


def test_it_is_what_a_header_may_carry():
    """§8.1: characters of NQCHAR, and short."""
    nonce = Nonces(KEY).current(NOW)
    assert len(nonce) == 22
    assert all("!" <= c <= "~" and c not in '"\\' for c in nonce)
