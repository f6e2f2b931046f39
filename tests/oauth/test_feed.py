"""Positions and the chain of the notices feed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.feed import Position, carried, first_digest, next_digest, position_from

EPOCHS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@given(EPOCHS, st.integers(0, 10**16 - 1))
def test_a_position_survives_the_wire(epoch: str, number: int):
    assert position_from(str(Position(epoch, number))) == Position(epoch, number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "e1",
        "e1:",
        ":1",
        "e1:-1",
        "e1:01",
        "e1:1 ",
        "e1:1\n",
        "e:1:2",
        "\u00e9:1",
        "e1:\u0661",
        "e" * 65 + ":1",
        "e1:" + "9" * 17,
        "e1:1.0",
        "e 1:1",
    ],
)
def test_what_is_no_position_is_none(text: str):
    assert position_from(text) is None


@given(st.lists(st.binary(max_size=20), max_size=5), st.lists(st.binary(max_size=20), max_size=5))
def test_two_histories_have_two_digests(some: list[bytes], others: list[bytes]):
    assert (chain("e1", some) == chain("e1", others)) == (some == others)


def test_epochs_begin_apart():
    assert first_digest("e1") != first_digest("e2")
    assert chain("e1", [b"a"]) != chain("e2", [b"a"])


def chain(epoch: str, texts: list[bytes]) -> str:
    digest = first_digest(epoch)
    for text in texts:
        digest = next_digest(digest, text)
    return digest


def test_a_carrier_keeps_each_issuers_feed_under_names_of_its_own():
    """Nothing in them that NATS takes for something else, whatever the issuer is called."""
    issuers = ["https://a.example", "https://a.example/b", "https://*.>.example", "https://ä. x"]
    names = [carried(iss) for iss in issuers]
    assert len({each.stream for each in names} | {each.subject for each in names}) == 8
    for each in names:
        assert re.fullmatch(r"counterfoil-[0-9a-f]{32}", each.stream)
        assert re.fullmatch(r"counterfoil\.[0-9a-f]{32}\.notices", each.subject)
