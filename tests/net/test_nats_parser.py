"""The lines of NATS, however they are cut, and such as were made to do harm."""

from itertools import pairwise
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats import errors

from counterfoil.net.nats_parser import MOST_BYTES, MOST_LINE, Parser

STREAM = (
    b'INFO {"max_payload": 1048576}\r\n'
    b"PING\r\nPONG\r\n+OK\r\n-ERR 'Permissions Violation'\r\n"
    b"MSG a.b 1 0\r\n\r\n"
    b"MSG a.b 2 reply.to 7\r\nx\r\ny\r\nz\r\n"
    b"HMSG a.b  3  24 26\r\nNATS/1.0\r\nKey: value\r\n\r\nhi\r\n"
    b"HMSG a.b 4 re 12 12\r\nNATS/1.0\r\n\r\n\r\n"
)  # fmt: skip
HEARD = [
    ("info", {"max_payload": 1048576}),
    ("ping",), ("pong",), ("error", "'permissions violation'"),
    ("message", 1, b"a.b", b"", b"", b""),
    ("message", 2, b"a.b", b"reply.to", b"x\r\ny\r\nz", b""),
    ("message", 3, b"a.b", b"", b"hi", b"NATS/1.0\r\nKey: value\r\n\r\n"),
    ("message", 4, b"a.b", b"re", b"", b"NATS/1.0\r\n\r\n"),
]  # fmt: skip


class Client:
    """Notes what it is to do."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        self.heard.append(("message", sid, subject, reply, data, headers))

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        self.heard.append(("info", info))

    async def _process_err(self, err_msg: str) -> None:
        self.heard.append(("error", err_msg))

    async def _process_ping(self) -> None:
        self.heard.append(("ping",))

    async def _process_pong(self) -> None:
        self.heard.append(("pong",))


def heard(*pieces: bytes) -> list[tuple[object, ...]]:
    async def parse() -> list[tuple[object, ...]]:
        client = Client()
        parser = Parser(client)
        for piece in pieces:
            await parser.parse(piece)
        return client.heard

    return anyio.run(parse)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_however_it_is_cut_it_says_the_same(cuts: list[int]):
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(places)]
    assert heard(*pieces) == HEARD


def test_each_byte_alone():
    assert heard(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == HEARD


@pytest.mark.parametrize(
    "line",
    [
        b"MSG a 1 %d\r\n" % (MOST_BYTES + 1),
        b"MSG a 1 9999999999\r\n",
        b"MSG a 1 -1\r\n",
        b"MSG a 1\r\n",
        b"MSG a x 1\r\n",
        b"MSG\r\n",
        b"MSG a 1 b c 1\r\n",
        b"HMSG a 1 12 5\r\n",
        b"HMSG a 1 5\r\n",
        b"MSG a 1 1\r\nxyz",
        b"INFO []\r\n",
        b"INFO {\r\n",
        b"INFO " + b"[" * 60_000 + b"\r\n",
        b"GET / HTTP/1.1\r\n",
        b"\r\n",
        b"M" * (MOST_LINE + 1),
    ],
)
def test_what_is_none_of_it_is_refused(line: bytes):
    with pytest.raises(errors.ProtocolError):
        heard(line)


@pytest.mark.parametrize(
    "line",
    [
        b"MSG " + b" " * 60_000,
        b"MSG a" + b" " * 30_000 + b"b" + b" " * 30_000,
        b"MSG" + b" a" * 30_000,
        b"HMSG a b c " + b"1" * 60_000,
        b"INFO " + b" " * 60_000,
        b"-ERR " + b"'" * 60_000,
    ],
)
def test_no_line_takes_longer_than_its_length(line: bytes):
    """By nats-py's own patterns some of them take longer than this whole suite may."""
    for end in (b"", b"\r\n"):
        try:
            heard(*(line[at : at + 1024] for at in range(0, len(line), 1024)), end)
        except errors.ProtocolError:
            continue
