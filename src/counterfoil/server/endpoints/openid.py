"""The userinfo endpoint over HTTP (OpenID Connect Core §5.3, RFC 6750)."""

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.challenge import Challenge
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol.userinfo import userinfo as claims_of
from counterfoil.server.web.answers import JsonResponse
from counterfoil.server.web.reading import authorization_of
from counterfoil.server.web.server import Server


async def userinfo(server: Server, request: Request) -> Response:
    """``GET`` or ``POST /userinfo`` with a bearer token in the header (S95)."""
    try:
        authorization = authorization_of(request)
    except OAuthError:
        return _refused(Reason.MALFORMED)
    scheme, _, unverified = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not unverified:
        return _refused(Reason.MISSING)
    claims = await claims_of(server.authority, unverified.strip(), server.clock())
    return _refused(claims) if isinstance(claims, Reason) else JsonResponse(claims)


def _refused(reason: Reason) -> Response:
    challenge = Challenge(reason)
    response = JsonResponse(challenge.body, challenge.status)
    response.raw_headers.append((b"www-authenticate", challenge.header.encode("ascii")))
    return response
