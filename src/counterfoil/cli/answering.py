"""An answer in one piece: status line, headers and body (RFC 9112 §4, §5)."""

from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

Header = tuple[bytes, bytes]


class UnsafeHeader(Exception):
    """A header would be read as more than one, or as none."""


def whole_answer(status: int, headers: Iterable[Header], body: bytes) -> bytes:
    """Write an answer; empty where it is not so simple. Names of ``headers`` are in lower case.

    It is simple where the headers say how long the body is, and nothing of the connection.

    Raises:
        UnsafeHeader: a header breaks its line (RFC 9110 §5.5).
    """
    lines = [b"%b: %b\r\n" % header for header in headers]
    head, ends = b"".join(lines), len(lines)
    if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
        raise UnsafeHeader("a header of the answer breaks its line: none of it was sent")
    if b"content-length: %d\r\n" % len(body) not in lines or b"connection: " in head:
        return b""
    return b"%b%b\r\n%b" % (STATUS_LINE[status], head, body)
