"""Cookies of a request (RFC 6265 §5.4). Pure."""

from typing import Final

from counterfoil.guard.request import Request

HOST_ONLY: Final = "__Host-"
"""The prefix of a cookie that this host alone has set, over TLS, for all of it (RFC 6265bis)."""

_SPACES: Final = " \t"
"""No others: browsers keep no watch over a prefix that stands behind a space of Unicode."""


def cookie_in(request: Request, name: str) -> str:
    """Give the value of a cookie; empty where there is none, or where two have this name.

    Of two, one may have been tossed in by a neighbouring host: then neither is believed.
    """
    found = _values(request, name)
    return found[0] if len(found) == 1 else ""


def has_cookie(request: Request, name: str) -> bool:
    """Whether a request carries such a cookie, or several."""
    return bool(_values(request, name))


def _values(request: Request, name: str) -> list[str]:
    pairs = [pair.split("=", 1) for value in request.values(b"cookie") for pair in value.split(";")]
    return [
        pair[1].strip(_SPACES).strip('"')
        for pair in pairs
        if pair[0].strip(_SPACES) == name and pair[1:]
    ]
