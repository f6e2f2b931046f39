"""The style sheet, the script and the mark, from memory: anyone may cache and serve them (S98)."""

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.web.server import Server

_FOREVER = "public, max-age=31536000, immutable"


async def asset(server: Server, request: Request) -> Response:
    """``GET /static/{name}``."""
    found = server.pages.assets.get(request.path_params["name"])
    if found is None:
        return Response(status_code=404)
    headers = {
        "etag": f'"{found.version}"',
        "cache-control": _FOREVER,
        "x-content-type-options": "nosniff",
    }
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(found.body, media_type=found.media_type, headers=headers)
