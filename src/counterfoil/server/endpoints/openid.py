"""The userinfo endpoint over HTTP (OpenID Connect Core §5.3, RFC 6750, RFC 9449 §7)."""

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.challenge import BEARER, BOTH, DPOP, Challenge, Schemes
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol.userinfo import Shown
from counterfoil.server.protocol.userinfo import userinfo as claims_of
from counterfoil.server.web.answers import JsonResponse, name_request
from counterfoil.server.web.proofs import proofs_of, with_nonce
from counterfoil.server.web.reading import authorization_of
from counterfoil.server.web.refusal import log_rejection
from counterfoil.server.web.server import Server


async def userinfo(server: Server, request: Request) -> Response:
    """``GET`` or ``POST /userinfo`` with a token in the header, alone or with its proof (S95)."""
    return with_nonce(server, await _answer(server, request))


async def _answer(server: Server, request: Request) -> Response:
    try:
        authorization = authorization_of(request)
    except OAuthError:
        return _refused(server, Reason.MALFORMED, BOTH)
    scheme, _, unverified = (authorization or "").partition(" ")
    bound = scheme.lower() == "dpop"
    if not unverified or not (bound or scheme.lower() == "bearer"):
        return _refused(server, Reason.MISSING, BOTH)
    proofs = proofs_of(request) if bound else None
    shown = Shown(unverified.strip(), request.method, proofs)
    claims = await claims_of(server.authority, shown, server.clock())
    if isinstance(claims, Reason):
        proves = bound or claims is Reason.WRONG_BINDING
        schemes = DPOP if proves else BEARER
        return _refused(server, claims, schemes, _fingerprint(server, shown.token))
    return JsonResponse(claims)


def _refused(server: Server, reason: Reason, schemes: Schemes, fingerprint: str = "") -> Response:
    request_id = log_rejection(server, "/userinfo", reason, fingerprint)
    challenge = Challenge(reason, "", "", fingerprint, schemes, request_id)
    response = JsonResponse(challenge.body, challenge.status)
    response.raw_headers.append((b"www-authenticate", challenge.header.encode("ascii")))
    name_request(response, request_id)
    return response


def _fingerprint(server: Server, unverified: str) -> str:
    """Name a token that we signed; nothing else has a name that could be trusted."""
    read = server.authority.reader.genuine(unverified, server.clock())
    return "" if isinstance(read, Reason) else read.token.jti
