"""Which headers pass, to the API and back: what is not named stays here. Pure (RFC 9110 §7.6)."""

import re
from typing import Final

from counterfoil.bff.asgi import SAFE, Headers, Request, TurnedAway
from counterfoil.oauth.receipts import AT_LEAST

_THERE: Final = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "content-encoding", "content-language"),
        *("content-type", "idempotency-key", "if-match", "if-modified-since", "if-none-match"),
        *("if-range", "if-unmodified-since", "last-event-id", "prefer", "range", "traceparent"),
        *("tracestate", "user-agent", AT_LEAST.lower()),
    }
)
"""To the API. Not the cookies, not ``Authorization``, nothing that says who sent it or to whom."""
NEVER: Final = frozenset(
    {
        *("authorization", "connection", "content-length", "cookie", "dpop", "expect", "host"),
        *("keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer"),
        *("transfer-encoding", "upgrade"),
    }
)
"""What proves who calls, and what is between two servers only."""
_BACK: Final = frozenset(
    {
        *("accept-ranges", "allow", "content-disposition", "content-encoding", "content-language"),
        *("content-length", "content-range", "content-type", "deprecation", "etag", "expires"),
        *("last-modified", "link", "preference-applied", "ratelimit", "ratelimit-policy"),
        *("retry-after", "sunset", "x-request-id", "counterfoil-notice"),
    }
)
"""To the browser. Not ``Set-Cookie``, ``Clear-Site-Data``, CORS or challenges: those are ours."""
_BODILESS: Final = frozenset({204, 304})
_FIELD: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def passed_on(request: Request, further: tuple[str, ...]) -> dict[str, str]:
    """Choose the headers that the API gets, besides the token and the length.

    Raises:
        TurnedAway: a value is none that HTTP allows.
    """
    names = (_THERE | {name.lower() for name in further}) - NEVER
    chosen: dict[str, str] = {}
    for name, value in request.headers:
        if name in names:
            if not _FIELD.fullmatch(value):
                raise TurnedAway(400, "bad_header", f"The header {name} holds a control character.")
            chosen[name] = f"{chosen[name]}, {value}" if name in chosen else value
    return chosen


def passed_back(headers: Headers, status: int = 200) -> Headers:
    """Choose the headers that the browser gets; the answer is for this person, and no page.

    A length beside another framing, or of a body that cannot be, could be read in two ways by the
    servers between here and the browser (RFC 9112 §6.3): what came too much would be the next
    person's answer.
    """
    is_framed = status in _BODILESS or any(name == "transfer-encoding" for name, _ in headers)
    names = _BACK - {"content-length"} if is_framed else _BACK
    chosen = (each for each in headers if each[0] in names and _FIELD.fullmatch(each[1]))
    return (*SAFE, *chosen)


def declared_length(request: Request) -> int | None:
    """Give the length that a request says it has; ``None`` where it says none.

    Raises:
        TurnedAway: it says two things at once, which two servers could read differently
            (request smuggling, RFC 9112 §11.2).
    """
    lengths, codings = request.values("content-length"), request.values("transfer-encoding")
    if not lengths and codings in ([], ["chunked"]):
        return None
    if len(lengths) != 1 or codings or not re.fullmatch(r"[0-9]{1,18}", lengths[0], re.ASCII):
        raise TurnedAway(400, "bad_framing", "This request does not say clearly where it ends.")
    return int(lengths[0])
