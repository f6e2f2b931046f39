"""A family, and what a refresh token that is shown turns out to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.server.records.family import Family, Presented, judge
from counterfoil.server.records.session import Origin

CURRENT, PREVIOUS, OTHER = b"c" * 32, b"p" * 32, b"o" * 32
FAMILY = Family(
    id="f",
    grant_id="g",
    client_id="app",
    user_id="u",
    session_id="s",
    access=Access(),
    auth_time=1000,
    created_at=1000,
    last_used_at=1000,
    access_expires_at=4600,
    origin=Origin(),
    refresh_generation=7,
    refresh_digest=CURRENT,
    refresh_expires_at=9000,
    absolute_expires_at=20_000,
    rotated_at=2000,
    sealed_successor=b"sealed",
)
WINDOW = 10


@pytest.mark.parametrize(
    ("generation", "digest", "now", "presented"),
    [
        (7, CURRENT, 2000, Presented.FRESH),
        (7, CURRENT, 8999, Presented.FRESH),
        (7, CURRENT, 9000, Presented.EXPIRED),
        (6, PREVIOUS, 2009, Presented.REPEATED),
        (6, PREVIOUS, 2010, Presented.REUSED),
        (6, PREVIOUS, 9000, Presented.EXPIRED),
        (5, OTHER, 2000, Presented.REUSED),
        (1, OTHER, 8000, Presented.REUSED),
        (7, OTHER, 2000, Presented.REUSED),
        (8, OTHER, 2000, Presented.REUSED),
    ],
)
def test_what_is_shown_is_judged(generation: int, digest: bytes, now: int, presented: Presented):
    """S19: used once; a repeat right away is a lost answer, all else is reuse (RFC 9700 §4.14)."""
    assert judge(FAMILY, generation, digest, WINDOW, now) is presented


@pytest.mark.parametrize("now", [2000, 2009])
def test_without_a_successor_to_give_a_repeat_is_reuse(now: int):
    """It was used, or never was: the first refresh token has no predecessor."""
    bare = replace(FAMILY, sealed_successor=None)
    assert judge(bare, 6, PREVIOUS, WINDOW, now) is Presented.REUSED


@given(
    st.integers(0, 9),
    st.sampled_from([CURRENT, PREVIOUS, OTHER]),
    st.integers(0, 12),
    st.integers(1990, 9010),
    st.sampled_from([None, b"sealed"]),
)
def test_every_refresh_token_of_ours_is_exactly_one_of_four(
    generation: int, digest: bytes, window: int, now: int, sealed: bytes | None
):
    """S19: expired by time alone; else fresh, repeated or reused, and nothing between."""
    family = replace(FAMILY, sealed_successor=sealed)
    presented = judge(family, generation, digest, window, now)
    expired = now >= 9000
    fresh = not expired and (generation, digest) == (7, CURRENT)
    repeated = not expired and generation == 6 and now - 2000 < window and sealed is not None
    assert (presented is Presented.EXPIRED) == expired
    assert (presented is Presented.FRESH) == fresh
    assert (presented is Presented.REPEATED) == repeated
    assert (presented is Presented.REUSED) == (not (expired or fresh or repeated))


@given(st.integers(0, 20), st.sampled_from([CURRENT, PREVIOUS, OTHER]), st.integers(0, 30_000))
def test_only_the_current_token_is_fresh(generation: int, digest: bytes, now: int):
    """S19."""
    fresh = judge(FAMILY, generation, digest, WINDOW, now) is Presented.FRESH
    assert fresh == (generation == 7 and digest == CURRENT and now < 9000)


@given(st.integers(0, 20), st.sampled_from([CURRENT, PREVIOUS]), st.integers(0, 30_000))
def test_an_ended_family_has_no_fresh_token(generation: int, digest: bytes, now: int):
    """An ended family never comes back, and is not ended twice."""
    ended = replace(FAMILY, ended_at=1500)
    assert judge(ended, generation, digest, WINDOW, now) is Presented.EXPIRED


@given(st.integers(0, 30_000))
def test_without_a_window_every_repeat_is_reuse(now: int):
    presented = judge(FAMILY, 6, PREVIOUS, 0, max(now, 2000))
    assert presented in (Presented.REUSED, Presented.EXPIRED)


def test_a_family_without_a_refresh_token_has_none_to_show():
    bare = replace(FAMILY, refresh_digest=None, refresh_generation=0, refresh_expires_at=0)
    assert judge(bare, 0, CURRENT, WINDOW, 100) is Presented.EXPIRED


def test_it_lives_while_any_of_its_tokens_may_stand():
    assert FAMILY.is_live(8999)
    assert not FAMILY.is_live(9000)
    assert replace(FAMILY, refresh_expires_at=0).is_live(4599)
    assert not replace(FAMILY, refresh_expires_at=0).is_live(4600)
    assert not replace(FAMILY, ended_at=1500).is_live(1500)


def test_it_is_offline_where_it_hangs_on_no_session():
    """OpenID Connect Core §11."""
    assert not FAMILY.is_offline
    assert replace(FAMILY, session_id=None).is_offline
