"""What limited tokens may still do, over HTTP: JSON, from guards that say who they are."""

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.endpoints.oauth import refused
from counterfoil.server.protocol.spending import spend as spend_asked
from counterfoil.server.web.answers import JsonResponse
from counterfoil.server.web.reading import authorization_of, json_of
from counterfoil.server.web.server import Server


async def spend(server: Server, request: Request) -> Response:
    """``POST /allowances``: take of what tokens may do, and give back what was not used."""
    try:
        # From the header alone: credentials and takes are not mixed.
        authorization, body = authorization_of(request), await json_of(request)
        spent = await spend_asked(server.authority, body, authorization)
    except OAuthError as error:
        return refused(server, request, error)
    return JsonResponse(spent)
