"""Headers that keep pages safe, and CORS for the endpoints that scripts call (S96, S97, S103)."""

from typing import Final
from urllib.parse import urlsplit

from starlette.responses import Response

CORS_MAX_AGE: Final = 7200
_CORS: Final = (b"access-control-allow-origin", b"*")
_EXPOSED: Final = (
    b"access-control-expose-headers",
    b"WWW-Authenticate, DPoP-Nonce, X-Request-Id, Counterfoil-Notice",
)
_PAGE: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
RETRY_AFTER: Final = (b"retry-after", b"5")
"""Seconds: as long as a server takes to be started anew, about."""
HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def preflight(methods: tuple[str, ...]) -> Response:
    """Answer a preflight: it carries no credentials, and is never asked for any (S97)."""
    response = Response(status_code=204)
    response.raw_headers = [
        _CORS,
        (b"access-control-allow-methods", ", ".join(methods).encode("ascii")),
        (b"access-control-allow-headers", b"Authorization, Content-Type, DPoP, Last-Event-ID"),
        (b"access-control-max-age", str(CORS_MAX_AGE).encode("ascii")),
    ]
    return response


def open_to_scripts(response: Response) -> None:
    """Let scripts of any origin read an answer; no cookie plays any part in it."""
    response.raw_headers += [_CORS, _EXPOSED]


def invite_back(response: Response) -> None:
    """Say when to try again, where the answer does not (RFC 9110 §10.2.3)."""
    if not any(name == RETRY_AFTER[0] for name, _ in response.raw_headers):
        response.raw_headers.append(RETRY_AFTER)


def protect_page(
    response: Response, form_target: str | None = None, script: str | None = None
) -> None:
    """Add what a page for people needs.

    ``form_target`` is where a form may lead besides us; ``script`` the one address of which a
    script may be loaded: without it none is.
    """
    names = {name for name, _ in response.raw_headers}
    response.raw_headers += [pair for pair in _PAGE if pair[0] not in names]
    if b"content-security-policy" not in names:
        target = f" {form_target}" if form_target else ""
        policy = (
            f"default-src 'none'; style-src 'self'; img-src 'self' data:;{_script_source(script)} "
            f"form-action 'self'{target}; frame-ancestors 'none'; base-uri 'none'"
        )
        response.raw_headers.append((b"content-security-policy", policy.encode("ascii")))


def _script_source(script: str | None) -> str:
    """Name one file: a policy's separators are no part of it (CSP Level 3 §2.3.1)."""
    if not script:
        return ""
    return f" script-src {script.replace(';', '%3B').replace(',', '%2C')};"


def form_target_of(redirect_uri: str) -> str:
    """Give the source that ``form-action`` must allow, for browsers apply it to redirects too."""
    parts = urlsplit(redirect_uri)
    # A policy cannot name an IPv6 address.
    if parts.scheme in {"http", "https"} and not parts.netloc.startswith("["):
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"
