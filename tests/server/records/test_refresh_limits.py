"""The limits of refreshing that servers noted: pure rules of what counts when (S26)."""

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.server.records.refresh_limits import FOREVER, NotedLimits, RefreshLimits

LIMITS = st.builds(RefreshLimits, *[st.integers(1, 4) | st.just(FOREVER)] * 5)
SHORT = RefreshLimits(1, 2, 3, 4, 5)
LONG = RefreshLimits(11, 12, 13, 14, 15)


def test_the_shortest_counts_of_each():
    mixed = RefreshLimits(1, 12, 3, 14)
    assert mixed.shortest(LONG) == RefreshLimits(1, 12, 3, 14, 15)
    assert RefreshLimits().shortest(mixed) == mixed


def test_a_shorter_limit_counts_at_once_and_everything_out_is_to_be_clipped():
    done = NotedLimits(LONG, LONG, None)
    assert done.with_wanted(SHORT) == NotedLimits(SHORT, SHORT, "")
    half = NotedLimits(LONG, LONG, "half")
    assert half.with_wanted(SHORT) == NotedLimits(SHORT, SHORT, "")


def test_a_longer_limit_counts_at_once_where_everything_out_is_clipped():
    assert NotedLimits(SHORT, SHORT, None).with_wanted(LONG) == NotedLimits(LONG, LONG, None)


def test_a_longer_limit_waits_until_everything_out_is_clipped():
    waiting = NotedLimits(SHORT, SHORT, "half").with_wanted(LONG)
    assert waiting == NotedLimits(SHORT, LONG, "half")
    assert waiting.clipped("more") == NotedLimits(SHORT, LONG, "more")
    assert waiting.clipped(None) == NotedLimits(LONG, LONG, None)


def test_of_several_that_wait_the_last_counts():
    waiting = NotedLimits(SHORT, SHORT).with_wanted(LONG).with_wanted(RefreshLimits())
    assert waiting.clipped(None).in_force == RefreshLimits()


def test_starting_again_with_the_same_changes_nothing():
    for noted in (NotedLimits(LONG, LONG, None), NotedLimits(SHORT, SHORT, "half")):
        assert noted.with_wanted(noted.wanted) == noted


@given(LIMITS, LIMITS)
def test_one_shorter_and_one_longer_clip_to_both(before: RefreshLimits, wanted: RefreshLimits):
    """What stood before counts until all is clipped: lengthening revives nothing."""
    now = NotedLimits(before, before, None).with_wanted(wanted)
    assert now.wanted == wanted
    assert now.in_force == (
        wanted if before.shortest(wanted) == before else before.shortest(wanted)
    )
    assert now.clipped(None).in_force == wanted
