"""Requests and answers as values."""

import pytest

from counterfoil.bff.asgi import Request, TurnedAway, document, redirect


def scope(**more: object) -> dict:
    usual = {"method": "GET", "path": "/a b", "raw_path": b"/a%20b?x", "query_string": b"x=1"}
    return {**usual, "headers": [(b"X-One", b"1"), (b"two", b"2"), (b"two", b"3")], **more}


def test_a_path_stands_as_it_was_sent():
    assert Request.of(scope()).path == "/a%20b"
    assert Request.of(scope(raw_path=None)).path == "/a%20b"
    assert Request.of(scope()).query == "x=1"


def test_a_header_counts_when_it_comes_once():
    request = Request.of(scope())
    assert request.header("x-one") == "1"
    assert request.header("two") == ""
    assert request.values("two") == ["2", "3"]


def test_a_request_shows_neither_cookies_nor_query():
    request = Request("GET", "/a", "code=c0de", (("cookie", "s3ss"),))
    assert "c0de" not in repr(request)
    assert "s3ss" not in repr(request)


async def sent_by(reply: object) -> list[dict]:
    told: list[dict] = []

    async def send(message: dict) -> None:
        told.append(message)

    await reply.send(send)
    return told


@pytest.mark.anyio
async def test_answers_are_kept_by_nobody_and_are_no_pages():
    """S103."""
    for reply in (document({"a": 1}), redirect("/x"), TurnedAway(403, "no", "No.").reply):
        start, body = await sent_by(reply)
        headers = dict(start["headers"])
        assert headers[b"cache-control"] == b"no-store"
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert b"default-src 'none'" in headers[b"content-security-policy"]
        assert int(headers[b"content-length"]) == len(body["body"])
