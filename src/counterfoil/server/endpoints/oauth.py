"""Token, introspection and revocation endpoints (OAuth 2.1 §3.2, RFC 7662, RFC 7009)."""

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol import introspection, revocation_endpoint, token_endpoint
from counterfoil.server.records.session import Origin
from counterfoil.server.web.answers import JsonResponse, error_answer
from counterfoil.server.web.reading import authorization_of, form_of, origin_of
from counterfoil.server.web.server import Server


async def token(server: Server, request: Request) -> Response:
    """``POST /token``."""
    try:
        parameters, authorization, origin = await _read(server, request)
        answer = await token_endpoint.respond(server.authority, parameters, authorization, origin)
    except OAuthError as error:
        return _refused(server, request, error)
    return JsonResponse(answer)


async def introspect(server: Server, request: Request) -> Response:
    """``POST /introspect``."""
    try:
        parameters, authorization, _ = await _read(server, request)
        answer = await introspection.introspect(server.authority, parameters, authorization)
    except OAuthError as error:
        return _refused(server, request, error)
    return JsonResponse(answer)


async def revoke(server: Server, request: Request) -> Response:
    """``POST /revoke``."""
    try:
        parameters, authorization, origin = await _read(server, request)
        await revocation_endpoint.revoke(server.authority, parameters, authorization, origin)
    except OAuthError as error:
        return _refused(server, request, error)
    return JsonResponse({})


async def _read(server: Server, request: Request) -> tuple[Parameters, str | None, Origin]:
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    if not server.client_throttle.allows(origin.address, server.clock()):
        raise OAuthError(
            "temporarily_unavailable", "Too many failed attempts came from this address; wait."
        )
    return await form_of(request), authorization_of(request), origin


def _refused(server: Server, request: Request, error: OAuthError) -> Response:
    if error.error == "invalid_client":
        origin = origin_of(request, server.authority.settings.trusted_proxies)
        server.client_throttle.count(origin.address, server.clock())
    return error_answer(error, basic="authorization" in request.headers)
