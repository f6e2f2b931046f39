"""Discovery documents, key sets and health (RFC 8414, OpenID Connect Discovery, RFC 7517)."""

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.protocol.discovery import metadata_of, scopes_offered
from counterfoil.server.records.failures import Overloaded, StoreUnavailable
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.web.answers import JsonResponse, cacheable
from counterfoil.server.web.server import Server


async def discovery(server: Server, _: Request) -> Response:
    """``GET /.well-known/oauth-authorization-server`` and ``…/openid-configuration``."""
    scopes = await server.authority.store.read(scopes_offered)
    metadata = metadata_of(server.authority.settings, scopes)
    return cacheable(metadata, server.authority.settings.jwks_max_age)


async def jwks(server: Server, _: Request) -> Response:
    """``GET /jwks.json``: the keys that sign tokens."""
    return await _keys(server, Purpose.TOKENS)


async def notices_jwks(server: Server, _: Request) -> Response:
    """``GET /notices/jwks.json``: the keys that sign the notices feed, and nothing else."""
    return await _keys(server, Purpose.FEED)


async def _keys(server: Server, purpose: Purpose) -> Response:
    await server.authority.hub.catch_up()
    body = server.authority.keyring.jwks(purpose, int(server.clock()))
    return cacheable(body, server.authority.settings.jwks_max_age)


async def live(_: Server, __: Request) -> Response:
    """``GET /health/live``: the process answers."""
    return JsonResponse({"status": "live"})


async def ready(server: Server, _: Request) -> Response:
    """``GET /health/ready``: the store can be read, and is being followed.

    A carrier that is down is said, but no reason to send requests elsewhere. Nor is a queue that is
    full: elsewhere it would be fuller. Where it is so for long the store is not followed.
    """
    try:
        with suppress(Overloaded):
            await server.authority.hub.catch_up()
    except StoreUnavailable:
        return JsonResponse({"status": "unavailable"}, 503)
    if server.authority.hub.is_stuck():
        return JsonResponse({"status": "stuck"}, 503)
    if server.publisher is None:
        return JsonResponse({"status": "ready"})
    return JsonResponse({"status": "ready", "carrier": server.publisher.standing})
