"""Requests as an ASGI server hands them over."""

from collections.abc import Iterable

from starlette.requests import Request


def request(
    body: Iterable[bytes] = (),
    headers: Iterable[tuple[bytes, bytes]] = (),
    query: bytes = b"",
    address: str | None = "192.0.2.1",
) -> Request:
    parts = list(body) or [b""]
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)}
        for number, part in enumerate(parts, 1)
    ]

    async def receive() -> dict[str, object]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": query,
        "headers": list(headers),
        "client": (address, 1) if address is not None else None,
    }
    return Request(scope, receive)
