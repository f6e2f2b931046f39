"""The guard in front of any ASGI app: HTTP, WebSocket, lifespan (ASGI 3, RFC 6750, RFC 9449)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from counterfoil.guard.admission import admit_once, begin_answer, begin_request, has_let_pass
from counterfoil.guard.declared import OpenPaths
from counterfoil.guard.demands import NOTHING
from counterfoil.guard.gate import LOCAL_PROXY, Gate
from counterfoil.guard.guard import Guard
from counterfoil.guard.lifespan import App, Message, Receive, Scope, Send, guarded_lifespan
from counterfoil.guard.manners import Said
from counterfoil.guard.reply import Refusal, Reply
from counterfoil.guard.request import OVERRIDES, Request
from counterfoil.guard.token import Rejected
from counterfoil.oauth.ticket import tickets_in, without_ticket

TOKEN: Final = "counterfoil.token"
"""Where the `Token` stands in the ASGI scope. In Starlette it is also ``request.state.token``."""
POLICY_VIOLATION: Final = 1008
"""The WebSocket close code (RFC 6455 §7.4.1)."""
_HANDSHAKES: Final[Mapping[str, str]] = MappingProxyType({"https": "wss", "http": "ws", "": "ws"})
"""What some middlewares for proxies call the scheme of a WebSocket, and what it is."""
_QUERY: Final = "counterfoil.query"
"""Where the query stands as it came, when there was a ticket in it."""
_IN_PATHS: Final = "/-._~!$&'()*+,;=:@"


class GuardMiddleware:
    """Lets a request through with its `Token`, or answers with the reason why not.

    Args:
        app: what is guarded.
        guard: who checks. The app's lifespan starts and stops it.
        realm: named in the challenge.
        open_paths: whole paths that need no token; one that ends in ``/`` opens all below it, but
            ``/`` opens the root page alone. They begin where the app is mounted.
        proxies: addresses or networks of reverse proxies whose word is believed, on https and on
            where a request comes from.
    """

    def __init__(
        self,
        app: App,
        guard: Guard,
        *,
        realm: str = "",
        open_paths: Sequence[str] = (),
        proxies: Sequence[str] = LOCAL_PROXY,
    ) -> None:
        self._app = app
        self._gate = Gate(guard, realm=realm, proxies=proxies)
        self._open = OpenPaths().with_further(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await guarded_lifespan(self._app, self._gate, scope, receive, send)
        elif scope["type"] in ("http", "websocket"):
            await serve(self._gate, self._admit, scope, receive, send)
        else:  # nobody knows how a token would come on it
            raise ValueError(f"connections of type {scope['type']!r} are not guarded, nor served")

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_open(scope):
            token = await admit_once(self._gate, scope, request_of(scope), NOTHING)
            scope = {**scope, "state": {**scope.get("state", {}), "token": token}, TOKEN: token}
        await self._app(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        """Whether this is an open path, or a preflight, which never carries a token (S97)."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            names = {name for name, _ in scope["headers"]}
            is_plain = names.isdisjoint(OVERRIDES)
            if is_plain and {b"origin", b"access-control-request-method"} <= names:
                return True
        return self._open.has(path_within(scope))


async def serve(gate: Gate, app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Let an app answer a connection, and make answers of what it refuses by `Rejected`.

    What needs no token is answered before; what every answer must carry is added.
    """
    hide_ticket(gate, scope)
    begin_request(scope)
    request = request_of(scope)
    reply = gate.answer(request) if scope["type"] == "http" else None
    if reply is not None:
        await _respond(send, "http.response", reply)
        return
    answer = Answer(scope, send)
    try:
        await app(scope, receive, _with_headers(gate, request, scope, answer.send))
    except Rejected as rejected:
        await answer.refuse(gate.refusal(rejected, request))
    except BaseException:
        await answer.release()
        raise
    else:
        await answer.release()


def hide_ticket(gate: Gate, scope: Scope) -> None:
    """Keep a ticket from the app, and from the access log of the server, which reads the scope.

    `request_of` finds it all the same.
    """
    query = scope.get("query_string", b"")
    if gate.guard.tickets is not None and tickets_in(query):
        scope[_QUERY] = query
        scope["query_string"] = without_ticket(query)


def path_within(scope: Scope) -> str:
    """Give the path, decoded, from where the app is mounted (ASGI, ``root_path``)."""
    path, mounted = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    if mounted and path.startswith(mounted) and path[len(mounted) :][:1] in ("", "/"):
        return path[len(mounted) :] or "/"
    return path


def request_of(scope: Scope) -> Request:
    """Read an ASGI connection of HTTP or of a WebSocket."""
    client, scheme = scope.get("client"), scope.get("scheme", "")
    if scope.get("type") == "websocket":
        scheme = _HANDSHAKES.get(scheme, scheme)
    return Request(
        scope.get("method", "GET"),
        scheme,
        str(client[0]) if isinstance(client, (tuple, list)) and client else "",
        _path_of(scope),
        scope.get(_QUERY, scope.get("query_string", b"")),
        scope["headers"],
    )


def _path_of(scope: Scope) -> str:
    raw = scope.get("raw_path")
    if isinstance(raw, bytes):
        return raw.partition(b"?")[0].decode("latin-1")
    return quote(str(scope.get("path", "")), safe=_IN_PATHS)


def _with_headers(gate: Gate, request: Request, scope: Scope, send: Send) -> Send:
    """Let what the app answers to a request that was let pass carry what it must."""

    async def sending(message: Message) -> None:
        begin_answer(scope)
        starts = message["type"] in ("http.response.start", "websocket.http.response.start")
        if starts and has_let_pass(gate.guard, scope):
            headers = [(bytes(name).lower(), value) for name, value in message.get("headers", ())]
            further = _pairs(gate.further_headers(request, _said_in(headers)))
            replaced = {name for name, _ in further}
            kept = [pair for pair in headers if pair[0] not in replaced]
            message = {**message, "headers": [*kept, *further]}
        await send(message)

    return sending


def _said_in(headers: Sequence[tuple[bytes, bytes]]) -> Said:
    def said(name: str) -> str | None:
        wanted = name.encode("ascii")
        values = [value.decode("latin-1") for each, value in headers if each == wanted]
        return ", ".join(values) or None

    return said


def _pairs(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def _respond(send: Send, kind: str, reply: Reply) -> None:
    headers = _pairs(reply.headers)
    if reply.body:
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": f"{kind}.start", "status": reply.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": reply.body})


class Answer:
    """What goes back on one connection, so long as it can still be turned into a refusal.

    Starlette answers 500 to an exception before it raises it further. Such an answer is held
    back until it is known whether the exception was a refusal.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._held: list[Message] = []
        self._begun = False

    async def send(self, message: Message) -> None:
        """Pass a message on, or hold it back."""
        is_failure = message["type"] == "http.response.start" and message["status"] == 500
        if (is_failure or self._held) and not self._begun:
            self._held.append(message)
            if message.get("more_body"):
                await self.release()
            return
        self._begun = True
        await self._send(message)

    async def release(self) -> None:
        """Send what was held back."""
        held, self._held = self._held, []
        for message in held:
            self._begun = True
            await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with the refusal; after the answer has begun it can only be broken off."""
        if self._scope["type"] == "websocket":
            await self._refuse_handshake(refusal)
        elif self._begun:
            raise RuntimeError(f"the app refused ({refusal.reason}) in the middle of its answer")
        else:
            await _respond(self._send, "http.response", refusal)

    async def _refuse_handshake(self, refusal: Refusal) -> None:
        if not self._begun and "websocket.http.response" in self._scope.get("extensions", {}):
            await _respond(self._send, "websocket.http.response", refusal)
        else:
            close = {"type": "websocket.close", "code": POLICY_VIOLATION}
            await self._send({**close, "reason": str(refusal.reason)})
