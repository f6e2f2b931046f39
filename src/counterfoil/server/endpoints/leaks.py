"""Found secrets over HTTP: how ours look, and where to report one (S11)."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import CHECKSUM, Kind, pattern_of
from counterfoil.server.endpoints.oauth import refused
from counterfoil.server.protocol import leak_reports
from counterfoil.server.web.answers import JsonResponse, cacheable
from counterfoil.server.web.reading import json_of, origin_of
from counterfoil.server.web.server import Server

REPORTS_PATH: Final = "/leaked-secrets"
PATTERNS_PATH: Final = "/.well-known/counterfoil-secrets"
_MAX_BODY: Final = 262_144
ENDED: Final = {
    Kind.PERSONAL_TOKEN: "the token",
    Kind.REFRESH_TOKEN: "the token, with all that came of its authorization",
    Kind.CLIENT_SECRET: "the secret, and every token of its client",
    Kind.ACCESS_TOKEN: "the token",
    Kind.SESSION: "the session, with what apps do in it",
    Kind.REMEMBERED: "what the browser is remembered by, and every session that it has",
    Kind.ACTION_TOKEN: "the link, and every other that waits for the same person",
}
"""What a report ends, by the kind of the secret. Codes live for minutes, and are not taken."""


async def take(server: Server, request: Request) -> Response:
    """``POST /leaked-secrets``: ends what was found. The answer does not say what that was."""
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    try:
        body = await json_of(request, _MAX_BODY)
        received = await leak_reports.take(server.authority, body, origin)
    except OAuthError as error:
        return refused(server, request, error)
    return JsonResponse(received, 202)


async def patterns(server: Server, _: Request) -> Response:
    """``GET /.well-known/counterfoil-secrets``: for those who look for leaks."""
    secrets = [
        {
            "kind": kind.name.lower(),
            "prefix": f"{kind.value}_",
            "pattern": pattern_of(kind),
            "ends": ended,
        }
        for kind, ended in ENDED.items()
    ]
    issuer = server.authority.issuer
    document = {
        "issuer": issuer,
        "report_endpoint": f"{issuer}{REPORTS_PATH}",
        "checksum": CHECKSUM,
        "secrets": secrets,
    }
    return cacheable(document, server.authority.settings.jwks_max_age)
