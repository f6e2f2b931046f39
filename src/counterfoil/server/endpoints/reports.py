"""The reports of guards over HTTP: JSON, from guards that say who they are."""

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.endpoints.oauth import refused
from counterfoil.server.protocol.reports import take_report
from counterfoil.server.web.answers import JsonResponse
from counterfoil.server.web.reading import authorization_of, json_of, origin_of
from counterfoil.server.web.server import Server


async def take(server: Server, request: Request) -> Response:
    """``POST /reports``: where tokens of an API were seen."""
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    try:
        # From the header alone: credentials and sightings are not mixed.
        authorization, body = authorization_of(request), await json_of(request)
        taken = await take_report(server.authority, body, authorization, origin)
    except OAuthError as error:
        return refused(server, request, error)
    return JsonResponse(taken)
