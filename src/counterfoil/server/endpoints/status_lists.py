"""Status lists over HTTP, the same for everyone who asks (draft-ietf-oauth-status-list §8, §9)."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.status_list import MEDIA_TYPE
from counterfoil.server.protocol.status_lists import uris
from counterfoil.server.web.answers import cacheable, error_answer
from counterfoil.server.web.reading import query_of
from counterfoil.server.web.refusal import log_refusal
from counterfoil.server.web.server import Server


async def status_list(server: Server, request: Request) -> Response:
    """``GET /status-lists/{list_id}``: the list, signed; 404 where there is none, or no more."""
    if query_of(request).get("time") is not None:
        return _refused(server, 501, "Lists of the past are not kept here.")
    list_id: str = request.path_params["list_id"]
    lists, now = server.status_lists, server.clock()
    signed = await lists.published(server.authority, list_id, now)
    if signed is None:
        return _refused(
            server, 404, "There is no such status list, or all its tokens have expired."
        )
    max_age = f"public, max-age={server.authority.settings.status_list_ttl}"
    return Response(signed, media_type=MEDIA_TYPE, headers={"cache-control": max_age})


async def aggregation(server: Server, _: Request) -> Response:
    """``GET /status-lists``: the addresses of all lists."""
    found = await server.authority.store.read(partial(uris, server.authority))
    return cacheable({"status_lists": found}, server.authority.settings.status_list_ttl)


def _refused(server: Server, status: int, sentence: str) -> Response:
    error = OAuthError("invalid_request", sentence)
    answer = error_answer(error, log_refusal(server, "/status-lists", error))
    answer.status_code = status
    return answer
