"""The guard in front of any ASGI app: HTTP, WebSocket, lifespan (ASGI 3, RFC 6750, RFC 9449)."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from counterfoil.guard.bearer import token_in
from counterfoil.guard.dpop import HEADER, NONCE_HEADER
from counterfoil.guard.guard import Guard
from counterfoil.guard.lifespan import App, Message, Receive, Scope, Send, guarded_lifespan, start
from counterfoil.guard.token import Rejected, Token
from counterfoil.guard.transport import Transport, has_token_in_query
from counterfoil.oauth.challenge import BEARER, BOTH, DPOP, REQUEST_ID, Challenge, Schemes
from counterfoil.oauth.dpop import Target
from counterfoil.oauth.feed import Position
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.receipts import AT_LEAST, at_least_from

LOCAL_PROXY: Final = ("127.0.0.1", "::1")
TOKEN: Final = "counterfoil.token"
"""Where the `Token` stands in the ASGI scope. In Starlette it is also ``request.state.token``."""
POLICY_VIOLATION: Final = 1008
"""The WebSocket close code (RFC 6455 §7.4.1)."""


class GuardMiddleware:
    """Lets a request through with its `Token`, or answers with the reason why not.

    Args:
        app: what is guarded.
        guard: who checks. The app's lifespan starts and stops it.
        realm: named in the challenge.
        open_paths: whole paths that need no token; one that ends in ``/`` opens all below it, but
            ``/`` opens the root page alone.
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
        Challenge(Reason.MISSING, realm)
        self._app = app
        self._guard = guard
        self._realm = realm
        below = tuple(path for path in open_paths if path.endswith("/") and path != "/")
        self._open = frozenset(open_paths) - frozenset(below)
        self._open_below = below
        self._transport = Transport(proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await guarded_lifespan(self._app, self._guard, scope, receive, send)
        elif scope["type"] not in ("http", "websocket") or self._is_open(scope):
            await self._app(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._guard.proofs.policy.nonces:
            send = _with_nonce(self._guard, send)
        answer = _Answer(scope, send)
        try:
            token = await token_of(self._guard, self._transport, scope)
            state = {**scope.get("state", {}), "token": token}
            await self._app({**scope, "state": state, TOKEN: token}, receive, answer.send)
        except Rejected as rejected:
            await answer.refuse(challenge_of(rejected, self._realm, self._guard, scope))
        except BaseException:
            await answer.release()
            raise
        else:
            await answer.release()

    def _is_open(self, scope: Scope) -> bool:
        """Whether this is an open path, or a preflight, which never carries a token (S97)."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            names = {name for name, _ in scope["headers"]}
            if {b"origin", b"access-control-request-method"} <= names:
                return True
        path = scope["path"]
        if path in self._open:
            return True
        # Routers differ in how they read these; a token decides for all of them.
        if ".." in path or "//" in path or "\\" in path:
            return False
        return path.startswith(self._open_below) if self._open_below else False


async def token_of(guard: Guard, transport: Transport, scope: Scope) -> Token:
    """Find and decide about the token of an ASGI connection; note it where it is reported.

    Raises:
        Rejected: with the reason.
    """
    token = await _decided(guard, transport, scope)
    if guard.reports:
        guard.saw(token, transport.place_of(scope, scope["headers"]))
    return token


async def _decided(guard: Guard, transport: Transport, scope: Scope) -> Token:
    headers = scope["headers"]
    authorization = [value.decode("latin-1") for name, value in headers if name == b"authorization"]
    if has_token_in_query(scope.get("query_string", b"")):
        raise Rejected(Reason.TOKEN_IN_QUERY)
    unverified, is_bound = token_in(authorization)
    if not transport.is_safe(scope, headers):
        raise Rejected(Reason.INSECURE_TRANSPORT)
    at_least = _receipt_in(scope)
    if not guard.is_started:
        await start(guard)
    if not is_bound:
        return await guard.decide(unverified, at_least=at_least)
    url = transport.url_of(scope, headers, guard.proofs.policy.public_url)
    target = Target(scope.get("method", "GET"), url, unverified)
    proof = guard.proofs.read(_values(scope, HEADER), target)
    token = await guard.decide(unverified, proof.binding, at_least)
    # Used up by a token that stands, so that nobody fills the memory who has none.
    guard.proofs.take(proof)
    return token


def _receipt_in(scope: Scope) -> Position | None:
    try:
        return at_least_from(_values(scope, AT_LEAST.lower().encode("ascii")))
    except ValueError as error:
        raise Rejected(Reason.BAD_RECEIPT, detail=str(error)) from None


def _values(scope: Scope, header: bytes) -> tuple[str, ...]:
    return tuple([value.decode("latin-1") for name, value in scope["headers"] if name == header])


def challenge_of(rejected: Rejected, realm: str, guard: Guard, scope: Scope) -> Challenge:
    """Name and log a refusal, and say it for the wire; the operator's detail stays here."""
    schemes = _schemes(rejected.reason, guard, scope)
    named = Challenge(rejected.reason, realm, rejected.scope, rejected.fingerprint, schemes)
    return replace(named, request_id=guard.note_refusal(rejected))


def _schemes(reason: Reason, guard: Guard, scope: Scope) -> Schemes:
    """Choose the scheme that was used, or should have been (RFC 9449 §7.1, §7.2)."""
    used = [value[:5].lower() for name, value in scope["headers"] if name == b"authorization"]
    if guard.proofs.policy.required or used == [b"dpop "] or reason is Reason.WRONG_BINDING:
        return DPOP
    return BOTH if reason is Reason.MISSING else BEARER


def headers_of(challenge: Challenge) -> dict[str, str]:
    """The headers of a refusal."""
    headers = {
        "content-type": "application/json",
        "cache-control": "no-store",
        "www-authenticate": challenge.header,
    }
    if challenge.request_id:
        headers[REQUEST_ID] = challenge.request_id
    if challenge.status == 503:
        headers["retry-after"] = "1"
    return headers


def _with_nonce(guard: Guard, send: Send) -> Send:
    """Let every answer carry the nonce that the next proof must have (RFC 9449 §9)."""

    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            nonce = (NONCE_HEADER.encode(), (guard.proofs.nonce() or "").encode())
            message = {**message, "headers": [*message.get("headers", ()), nonce]}
        await send(message)

    return sending


class _Answer:
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

    async def refuse(self, challenge: Challenge) -> None:
        """Answer with the refusal; after the answer has begun it can only be broken off."""
        if self._scope["type"] == "websocket":
            await self._refuse_handshake(challenge)
        elif self._begun:
            raise RuntimeError(f"the app refused ({challenge.reason}) in the middle of its answer")
        else:
            await self._respond("http.response", challenge)

    async def _refuse_handshake(self, challenge: Challenge) -> None:
        if not self._begun and "websocket.http.response" in self._scope.get("extensions", {}):
            await self._respond("websocket.http.response", challenge)
        else:
            close = {"type": "websocket.close", "code": POLICY_VIOLATION}
            await self._send({**close, "reason": str(challenge.reason)})

    async def _respond(self, kind: str, challenge: Challenge) -> None:
        headers = headers_of(challenge).items()
        start = {"type": f"{kind}.start", "status": challenge.status}
        pairs = [(name.encode(), value.encode()) for name, value in headers]
        await self._send({**start, "headers": pairs})
        await self._send({"type": f"{kind}.body", "body": challenge.body})
