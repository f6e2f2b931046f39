"""Token, introspection and revocation endpoints (OAuth 2.1 §3.2, RFC 7662, RFC 7009).

The last is draft-parecki-oauth-global-token-revocation.
"""

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError, TooManyRequests, invalid_request
from counterfoil.oauth.feed import Position
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.receipts import NOTICE
from counterfoil.server.protocol import (
    device_authorization as device_authorization_endpoint,
)
from counterfoil.server.protocol import (
    global_revocation,
    introspection,
    revocation_endpoint,
    token_endpoint,
)
from counterfoil.server.records.session import Origin
from counterfoil.server.web.answers import NO_STORE, JsonResponse, error_answer
from counterfoil.server.web.proofs import proofs_of, with_nonce
from counterfoil.server.web.reading import (
    authorization_of,
    encoded_form_of,
    form_of,
    json_of,
    origin_of,
)
from counterfoil.server.web.refusal import log_refusal
from counterfoil.server.web.server import Server


async def token(server: Server, request: Request) -> Response:
    """``POST /token``."""
    try:
        origin = origin_of(request, server.authority.settings.trusted_proxies)
        form, proofs = await encoded_form_of(request), proofs_of(request)
        asked = token_endpoint.Asked(form, authorization_of(request), origin, proofs)
        answer = await token_endpoint.respond(server.authority, asked)
    except OAuthError as error:
        return with_nonce(server, refused(server, request, error))
    return with_nonce(server, JsonResponse(answer))


async def device_authorization(server: Server, request: Request) -> Response:
    """``POST /device_authorization`` (RFC 8628 §3.1)."""
    try:
        asked = device_authorization_endpoint.Asked(*await _read(server, request))
        answer = await device_authorization_endpoint.respond(server.authority, asked)
    except OAuthError as error:
        return refused(server, request, error)
    return JsonResponse(answer)


async def introspect(server: Server, request: Request) -> Response:
    """``POST /introspect``."""
    try:
        form, authorization = await encoded_form_of(request), authorization_of(request)
        answer = await introspection.introspect(server.authority, form, authorization)
    except OAuthError as error:
        return refused(server, request, error)
    return JsonResponse(answer)


async def revoke(server: Server, request: Request) -> Response:
    """``POST /revoke``: the receipt comes in ``Counterfoil-Notice``, whatever there was to end."""
    try:
        parameters, authorization, origin = await _read(server, request)
        await revocation_endpoint.revoke(server.authority, parameters, authorization, origin)
    except OAuthError as error:
        return refused(server, request, error)
    return _with_receipt(JsonResponse({}), server.authority.hub.position)


async def end_user(server: Server, request: Request) -> Response:
    """``POST /global-token-revocation``: 204, with the receipt in ``Counterfoil-Notice``."""
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    try:
        authorization, body = authorization_of(request), await json_of(request)
        ending = await global_revocation.end_everything_of_subject(
            server.authority, body, authorization, origin
        )
    except OAuthError as error:
        return refused(server, request, error)
    if ending is None:
        return _nobody(server, request)
    response = _with_receipt(Response(status_code=204), ending.position)
    response.raw_headers.append(NO_STORE)
    return response


def _with_receipt(response: Response, position: Position) -> Response:
    header = NOTICE.lower().encode("ascii"), str(position).encode("ascii")
    response.raw_headers.append(header)
    return response


def _nobody(server: Server, request: Request) -> Response:
    """Answer 404 (§3.4.2); whoever asks for many in vain is slowed down like a guesser."""
    error = invalid_request("There is no such user.")
    request_id = log_refusal(server, request.scope["path"], error)
    wait = _wait_after_failure(server, request)
    if wait:
        return _too_many(wait, request_id)
    response = error_answer(error, request_id)
    response.status_code = 404
    return response


async def _read(server: Server, request: Request) -> tuple[Parameters, str | None, Origin]:
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    return await form_of(request), authorization_of(request), origin


def refused(server: Server, request: Request, error: OAuthError) -> Response:
    """Refuse; who fails to authenticate too often from one address is told to wait."""
    wait = _wait_after_failure(server, request) if error.error == "invalid_client" else 0
    if wait:
        error.detail = "; ".join(filter(None, (error.detail, "too many failures from its address")))
    request_id = log_refusal(server, request.scope["path"], error)
    if wait:
        return _too_many(wait, request_id)
    return error_answer(error, request_id, basic="authorization" in request.headers)


def _wait_after_failure(server: Server, request: Request) -> float:
    """Count a failed authentication; give the seconds for which its address had to wait.

    It is asked only after a failure: whoever shares an address with a guesser, and has the right
    secret, is let in.
    """
    address = origin_of(request, server.authority.settings.trusted_proxies).address
    now = server.clock()
    wait = server.client_throttle.wait(address, now)
    server.client_throttle.count(address, now)
    return wait


def _too_many(wait: float, request_id: str) -> Response:
    sentence = "Too many failed attempts came from this address; wait."
    return error_answer(TooManyRequests(sentence, wait), request_id)
