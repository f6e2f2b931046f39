"""How the admin API answers: JSON, and one form of error whatever went wrong (RFC 6749 §5.2)."""

from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.guard.token import Rejected
from counterfoil.guard.transport import has_token_in_query
from counterfoil.oauth.challenge import BEARER, BOTH, DPOP, Challenge, Schemes
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.reasons import Reason, meaning_of
from counterfoil.server.endpoints.api.operation import Operation, read_call
from counterfoil.server.records.failures import Conflict
from counterfoil.server.web.answers import JsonResponse, name_request
from counterfoil.server.web.gate import Admitted, Presented
from counterfoil.server.web.proofs import proofs_of, with_nonce
from counterfoil.server.web.refusal import error_of, log_refusal, log_rejection
from counterfoil.server.web.server import Handler, Server

REALM: Final = "counterfoil"


class ErrorDocument(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What went wrong: a stable word, and a sentence for people.

    ``request_id`` is the reference under which the server's log knows the request. The last three
    come with a token that was refused: why, what it would have needed, and its ``jti``.
    """

    error: str
    error_description: str
    request_id: str
    error_reason: str = ""
    scope: str = ""
    fingerprint: str = ""


class NotFound(Exception):
    """There is no such thing: 404. The text is the sentence for the caller."""


def handler_of(operation: Operation) -> Handler:
    """Give the handler of an operation's route."""
    shape = operation.shape

    async def handler(server: Server, request: Request) -> Response:
        try:
            admitted = await _admit(server, request, operation)
            call = await read_call(server, request, admitted, shape)
            answer = await operation.handler(call)
        except Exception as error:
            return with_nonce(server, _failed(server, request, operation, error))
        body = msgspec.json.encode(answer, enc_hook=_revealed)
        return with_nonce(server, JsonResponse(body, operation.status))

    return handler


async def _admit(server: Server, request: Request, operation: Operation) -> Admitted:
    if has_token_in_query(request.scope.get("query_string", b"")):
        raise Rejected(Reason.TOKEN_IN_QUERY)
    names = {name: quote(value, safe="") for name, value in request.path_params.items()}
    presented = Presented(
        _authorization_of(request),
        request.method,
        server.authority.issuer + operation.path.format_map(names),
        proofs_of(request),
    )
    return await server.gate.admit(presented, operation.scope)


def _authorization_of(request: Request) -> tuple[str, ...]:
    headers = request.scope["headers"]
    return tuple([value.decode("latin-1") for name, value in headers if name == b"authorization"])


def _revealed(value: object) -> object:
    """Spell a new secret in the one answer that hands it over; no other holds one."""
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(f"{type(value).__name__} is not for JSON")


def _failed(server: Server, request: Request, operation: Operation, error: Exception) -> Response:
    line = f"{operation.method} {operation.path}"
    match error:
        case Rejected():
            return _rejected(server, line, error, _schemes(request, error.reason))
        case NotFound():
            said = OAuthError("invalid_request", str(error))
            return _document(server, line, said, ("not_found", 404))
        case Conflict():
            said = OAuthError("invalid_request", "Something stands there by that name already.")
            return _document(server, line, said, ("conflict", 409))
    said = error_of(line, error)
    return _document(server, line, said, (said.error, said.status))


def _schemes(request: Request, reason: Reason) -> Schemes:
    """Choose the scheme that was used, or should have been (RFC 9449 §7.1)."""
    bound = any(value[:5].lower() == "dpop " for value in _authorization_of(request))
    if bound or reason is Reason.WRONG_BINDING:
        return DPOP
    return BOTH if reason is Reason.MISSING else BEARER


def _document(
    server: Server, request_line: str, said: OAuthError, outcome: tuple[str, int]
) -> Response:
    reference = log_refusal(server, request_line, said)
    word, status = outcome
    document = ErrorDocument(error=word, error_description=said.description, request_id=reference)
    response = JsonResponse(document, status)
    name_request(response, reference)
    return response


def _rejected(server: Server, request_line: str, rejected: Rejected, schemes: Schemes) -> Response:
    """Refuse as any guard does, with its challenge (RFC 6750 §3)."""
    named = (rejected.scope, rejected.fingerprint)
    challenge = Challenge(rejected.reason, REALM, *named, schemes)
    meaning = meaning_of(rejected.reason)
    reference = log_rejection(server, request_line, rejected.reason, rejected.fingerprint)
    document = ErrorDocument(
        error=meaning.error or "invalid_request",
        error_description=meaning.sentence,
        request_id=reference,
        error_reason=rejected.reason.value,
        scope=rejected.scope,
        fingerprint=rejected.fingerprint,
    )
    response = JsonResponse(document, challenge.status)
    name_request(response, reference)
    response.raw_headers.append((b"www-authenticate", challenge.header.encode("ascii")))
    return response
