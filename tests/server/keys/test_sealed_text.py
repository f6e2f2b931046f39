"""A value that travels sealed opens for what it was sealed for, and nothing else does."""

import pytest
from msgspec import Struct

from counterfoil.server.keys.sealed_text import opened_text, sealed_length, sealed_text
from counterfoil.server.keys.sealing import KEY_BYTES, NotSealed, Sealing


class Ticket(Struct, frozen=True):
    """Something that travels."""

    seat: int


class Coat(Struct, frozen=True):
    """Something else."""

    colour: str


SEALING = Sealing(bytes(KEY_BYTES), bytes)
TEXT = sealed_text(SEALING, Ticket(7), "tickets")


def test_it_comes_back_as_it_was():
    assert opened_text(SEALING, TEXT, "tickets", Ticket) == Ticket(7)
    assert "=" not in TEXT


@pytest.mark.parametrize("colour", ["", "r", "re", "red", "öl", "x" * 1000])
def test_how_long_it_becomes_is_known_before(colour: str):
    coat = Coat(colour)
    assert sealed_length(coat) == len(sealed_text(SEALING, coat, "coats"))


@pytest.mark.parametrize(
    "text", ["", "A", "=", "no seal", "ä", TEXT[:-4], TEXT[:20] + "--" + TEXT[22:], "AAAA"]
)
def test_what_was_not_sealed_here_is_refused(text: str):
    with pytest.raises(NotSealed):
        opened_text(SEALING, text, "tickets", Ticket)


def test_it_is_for_one_thing_one_key_and_one_kind():
    other = Sealing(bytes([1]) * KEY_BYTES, bytes)
    for sealing, context in ((SEALING, "coats"), (other, "tickets")):
        with pytest.raises(NotSealed):
            opened_text(sealing, TEXT, context, Ticket)
    with pytest.raises(NotSealed):
        opened_text(SEALING, TEXT, "tickets", Coat)
