"""Tokens against forged forms: a MAC over who the form was made for (S74, ASVS V3.5.1)."""

import hmac
from base64 import urlsafe_b64encode

from starlette.requests import Request

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters

_OURS = frozenset({"same-origin", "none"})


def csrf_token(key: bytes, holder: str) -> str:
    """Make the token of forms for one holder (a browser's or a session's public name)."""
    mac = hmac.digest(key, holder.encode("utf-8"), "sha256")
    return urlsafe_b64encode(mac[:24]).decode("ascii")


def demand_own_form(key: bytes, holder: str, form: Parameters, request: Request) -> None:
    """Demand that a form was made by us, for this holder, and sent from our own page.

    Raises:
        OAuthError: ``access_denied``.
    """
    given = (form.get("csrf") or "").encode("utf-8")
    right = hmac.compare_digest(given, csrf_token(key, holder).encode("ascii"))
    if not right or not _is_own_site(request):
        raise _not_ours()


def demand_own_site(request: Request) -> None:
    """Demand that a form was sent from our own page, where the browser says whence it was.

    Raises:
        OAuthError: ``access_denied``.
    """
    if not _is_own_site(request):
        raise _not_ours()


def _is_own_site(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    return site is None or site in _OURS


def _not_ours() -> OAuthError:
    return OAuthError(
        "access_denied",
        "This form does not belong to this browser, or is too old. Load the page again.",
    )
