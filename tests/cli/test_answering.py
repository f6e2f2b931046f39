"""An answer in one piece is what a peer would have read piece by piece."""

import pytest

from counterfoil.cli.answering import UnsafeHeader, whole_answer

LENGTH = (b"content-length", b"5")


def test_it_is_status_headers_and_body():
    answer = whole_answer(201, [LENGTH, (b"x-y", b"z")], b"hello")
    assert answer == b"HTTP/1.1 201 Created\r\ncontent-length: 5\r\nx-y: z\r\n\r\nhello"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-length", b"6")],
        [(b"x-content-length", b"5")],
        [LENGTH, (b"connection", b"close")],
    ],
    ids=["no length", "a wrong one", "another header", "about the connection"],
)
def test_what_is_not_so_simple_is_left_to_others(headers: list[tuple[bytes, bytes]]):
    assert whole_answer(200, headers, b"hello") == b""


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n", b"\r", b"\0"])
@pytest.mark.parametrize("place", [0, 1], ids=["name", "value"])
def test_no_header_brings_another_with_it(line_end: bytes, place: int):
    """Response splitting (RFC 9110 §5.5)."""
    header = [b"location", b"https://app.example/"]
    header[place] += line_end + b"set-cookie: a=b"
    with pytest.raises(UnsafeHeader, match="none of it was sent"):
        whole_answer(303, [LENGTH, (header[0], header[1])], b"hello")
