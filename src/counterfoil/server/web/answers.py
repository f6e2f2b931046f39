"""The answers that machines get: JSON, and errors as JSON (RFC 6749 §5.2)."""

from typing import Final

import msgspec
from starlette.responses import Response

from counterfoil.oauth.challenge import REQUEST_ID
from counterfoil.oauth.errors import OAuthError

ANSWER: Final = "counterfoil.answer"
"""The ASGI extension by which a server takes a whole answer at once.

``scope["extensions"][ANSWER]["answer"]`` takes the status, the headers and the body; it gives
``False`` where the answer must go the long way.
"""
_ENCODE: Final = msgspec.json.Encoder().encode
NO_STORE: Final = (b"cache-control", b"no-store")
_JSON: Final = (b"content-type", b"application/json")
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")


class JsonResponse(Response):
    """A JSON answer that no cache may keep. Its headers are written once, for the hot paths."""

    def __init__(self, content: object, status: int = 200) -> None:
        self.status_code = status
        self.background = None
        self.body = content if isinstance(content, bytes) else _ENCODE(content)
        length = (b"content-length", str(len(self.body)).encode("ascii"))
        self.raw_headers = [_JSON, length, NO_STORE, _NOSNIFF]


def cacheable(content: object, max_age: int) -> JsonResponse:
    """Give a public JSON answer that caches may keep for ``max_age`` seconds."""
    response = JsonResponse(content)
    response.raw_headers.remove(NO_STORE)
    response.raw_headers.append((b"cache-control", f"public, max-age={max_age}".encode("ascii")))
    return response


def name_request(response: Response, request_id: str) -> None:
    """Add the name under which the log knows a refusal."""
    response.raw_headers.append((REQUEST_ID.encode("ascii"), request_id.encode("ascii")))


def say_when(response: Response, error: OAuthError) -> None:
    """Add when to try again, where that is known."""
    if error.retry_after is not None:
        when = str(error.retry_after).encode("ascii")
        response.raw_headers.append((b"retry-after", when))


def error_answer(error: OAuthError, request_id: str, *, basic: bool = False) -> JsonResponse:
    """Say an error, with the name under which the log knows it.

    ``basic`` tells whether the client tried the Authorization header.
    """
    body: dict[str, str] = {
        "error": error.error,
        "error_description": error.description,
        "request_id": request_id,
    }
    if error.reason is not None:
        body["error_reason"] = error.reason.value
    response = JsonResponse(body, error.status)
    name_request(response, request_id)
    say_when(response, error)
    if error.status == 401 and basic:
        response.raw_headers.append((b"www-authenticate", b'Basic realm="counterfoil"'))
    return response
