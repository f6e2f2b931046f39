"""What a fuzzer throws at the guard for an hour in ``make soak`` is thrown here for a moment."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thrown import feeds, requests
from tests.thrown.pieces import Pieces, written
from tests.thrown.targets import SEEDS, TARGETS, seeds, throw

pytestmark = pytest.mark.one_engine("no server of ours is there")
Target = Callable[[Pieces], None]
FOUND = {
    "a snapshot whose page is no UTF-8": (feeds.snapshots, written(2, 7, b"\xd6", 1)),
    "a snapshot whose page is deeper than anybody writes": (
        feeds.snapshots,
        written(2, 1, "[" * 2000, 0, 9),
    ),
    "a line of the feed that is": (
        feeds.feeds,
        written(1, 3, f'{feeds.LINES[1].data[:-1]},"more":{"[" * 2000}', 0),
    ),
    "a welcome that is": (feeds.feeds, written(1, 4, 3, '{"more":' + "[" * 2000, "")),
    "a host that is no host, beside the cookie of a session": (
        requests.requests,
        written(2, 2, "s=known", 3, "note[.example", 0, 0, 1, 3, "/notes", ""),
    ),
    "a request line with a host that is no host": (requests.environs, written(1, "http://[/a", 1)),
}
"""What fuzzers found once, and was mended."""


@pytest.mark.parametrize("target", TARGETS, ids=lambda each: each.__name__)
def test_nothing_but_refusals(target: Target):
    """No input raises anything else, and none passes that is not genuine."""

    @settings(max_examples=40)
    @given(st.sampled_from(SEEDS[target]), st.binary(max_size=60), st.integers(0, 200))
    def thrown(seed: bytes, changed: bytes, at: int) -> None:
        target(Pieces(seed[:at] + changed + seed[at + len(changed) :]))

    thrown()


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_once_is_refused(what: str):
    target, data = FOUND[what]
    target(Pieces(data))


def test_every_seed_is_of_the_kind_that_it_is_thrown_as():
    for seed in seeds():
        throw(seed)
    assert {TARGETS[seed[0]] for seed in seeds()} == set(TARGETS)
