"""The app's pages, which need no session: made safe where they do not say anything else (S103)."""

from typing import Final

from counterfoil.bff.asgi import App, Message, Receive, Scope, Send, TurnedAway

POLICY: Final = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""Scripts and styles come from files of this site, and none stands in a page."""
_PAGE: Final = (
    (b"content-security-policy", POLICY.encode("ascii")),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


async def serve_page(pages: App | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Let the app's own pages answer."""
    if pages is not None:
        await pages(scope, receive, _protecting(send))
    elif scope["type"] == "http":
        await TurnedAway(404, "not_found", "There is nothing here.").reply.send(send)
    else:
        await receive()
        await send({"type": "websocket.close", "code": 1000})


def _protecting(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            names = {bytes(name).lower() for name, _ in headers}
            headers += [pair for pair in _PAGE if pair[0] not in names]
            message = {**message, "headers": headers}
        await send(message)

    return sending
