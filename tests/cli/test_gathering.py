"""A gathering transport sends the same bytes in the same order, in fewer pieces, and loses none."""

import asyncio

import pytest

from counterfoil.cli.gathering import MOST_GATHERED, Gathering

pytestmark = pytest.mark.anyio


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_what_is_written_in_one_turn_is_sent_in_one_piece() -> None:
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"head ")
    gathering.write(b"body")
    assert wire.pieces == []
    await asyncio.sleep(0)
    gathering.write(b"next")
    await asyncio.sleep(0)
    assert wire.pieces == [b"head body", b"next"]


async def test_a_writer_that_does_not_wait_does_not_fill_the_memory() -> None:
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"x" * MOST_GATHERED)
    assert wire.pieces == []
    gathering.write(b"y")
    assert len(wire.pieces[0]) == MOST_GATHERED + 1


async def test_closing_sends_what_was_written_first() -> None:
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"last words")
    gathering.close()
    await asyncio.sleep(0)
    assert wire.pieces == [b"last words"]
    assert gathering.is_closing()


async def test_nothing_is_sent_on_a_connection_that_was_lost() -> None:
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"too late")
    wire.closed = True
    await asyncio.sleep(0)
    assert wire.pieces == []


async def test_aborting_sends_nothing_more() -> None:
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"never")
    gathering.abort()
    await asyncio.sleep(0)
    assert wire.pieces == []


async def test_what_is_sent_at_once_comes_after_what_was_gathered() -> None:
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"head")
    gathering.send(b"chunk")
    assert wire.pieces == [b"head", b"chunk"]
    await asyncio.sleep(0)
    assert wire.pieces == [b"head", b"chunk"]
