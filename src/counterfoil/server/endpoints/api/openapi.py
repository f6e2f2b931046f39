"""Serves the admin API's description (OpenAPI 3.1.1) to all.

It is the same at every installation of a version, and so tells a stranger nothing.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.web.answers import cacheable
from counterfoil.server.web.server import Server

PATH: Final = "/api/openapi.json"
_MAX_AGE: Final = 300


async def openapi(server: Server, _: Request) -> Response:
    """``GET /api/openapi.json``."""
    from counterfoil.server.endpoints.api.description import description

    return cacheable(description(server.authority.issuer), _MAX_AGE)
