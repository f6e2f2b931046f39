"""``POST /mint``: tokens from JSON descriptions, from clients that may mint (S56, S57)."""

from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.oauth.token_description import Mistake
from counterfoil.oauth.token_response import TokenResponse
from counterfoil.server.endpoints.oauth import refused
from counterfoil.server.protocol import mint_endpoint
from counterfoil.server.protocol.mint_endpoint import Answer, MintRefused
from counterfoil.server.web.answers import JsonResponse, name_request
from counterfoil.server.web.reading import authorization_of, json_of, origin_of, query_of
from counterfoil.server.web.refusal import log_refusal
from counterfoil.server.web.server import Server

MAX_BODY: Final = 1_048_576
"""Bytes of a body, of one description or of many."""
ANSWER: Final = "answer"
"""The query parameter by which an array is answered for ``each``, or for ``all`` of it."""


class Refused(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What stands against one description, or against all of a body.

    ``more``: so many other mistakes are not named.
    """

    error: str
    error_description: str
    errors: tuple[Mistake, ...]
    more: int = 0
    request_id: str = ""


async def mint(server: Server, request: Request) -> Response:
    """``POST /mint``: an object is answered by an object, an array by an array."""
    try:
        asked = await _asked(server, request)
        answer = await mint_endpoint.respond(server.authority, asked)
    except MintRefused as error:
        return _refused(server, request, error)
    except OAuthError as error:
        return refused(server, request, error)
    if isinstance(answer, list):
        return JsonResponse([_spelled(each) for each in answer])
    return JsonResponse(_spelled(answer))


async def _asked(server: Server, request: Request) -> mint_endpoint.Asked:
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    given = query_of(request).get(ANSWER) or "all"
    if given not in ("all", "each"):
        raise invalid_request(f"The parameter {ANSWER} is all or each.")
    # From the header alone: credentials and descriptions are not mixed.
    authorization, body = authorization_of(request), await json_of(request, MAX_BODY)
    return mint_endpoint.Asked(body, authorization, origin, each=given == "each")


def _spelled(answer: Answer) -> TokenResponse | Refused:
    return answer if isinstance(answer, TokenResponse) else _document(answer)


def _document(mistakes: tuple[Mistake, ...], more: int = 0, request_id: str = "") -> Refused:
    first = mistakes[0]
    return Refused(
        error=first.error,
        error_description=f"{first.path}: {first.error_description}",
        errors=mistakes,
        more=more,
        request_id=request_id,
    )


def _refused(server: Server, request: Request, error: MintRefused) -> Response:
    request_id = log_refusal(server, request.scope["path"], error)
    response = JsonResponse(_document(error.mistakes, error.more, request_id), error.status)
    name_request(response, request_id)
    return response
