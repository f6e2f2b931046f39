"""Every error that goes on the wire, once: OAuth 2.1 §3.2.4, OpenID Connect Core §3.1.2.6."""

import math
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from counterfoil.oauth.reasons import Reason


class WireError(Struct, frozen=True):
    """An error code of a specification, with the HTTP status of a direct answer."""

    status: int
    source: str


ERRORS: Final = MappingProxyType(
    {
        "invalid_request": WireError(400, "RFC 6749 §5.2"),
        "invalid_client": WireError(401, "RFC 6749 §5.2"),
        "invalid_grant": WireError(400, "RFC 6749 §5.2"),
        "unauthorized_client": WireError(400, "RFC 6749 §5.2"),
        "unsupported_grant_type": WireError(400, "RFC 6749 §5.2"),
        "invalid_scope": WireError(400, "RFC 6749 §5.2"),
        "invalid_authorization_details": WireError(400, "RFC 9396 §5"),
        "invalid_target": WireError(400, "RFC 8707 §2"),
        "access_denied": WireError(403, "RFC 6749 §4.1.2.1"),
        "unsupported_response_type": WireError(400, "RFC 6749 §4.1.2.1"),
        "server_error": WireError(500, "RFC 6749 §4.1.2.1"),
        "temporarily_unavailable": WireError(503, "RFC 6749 §4.1.2.1"),
        "authorization_pending": WireError(400, "RFC 8628 §3.5"),
        "slow_down": WireError(400, "RFC 8628 §3.5"),
        "expired_token": WireError(400, "RFC 8628 §3.5"),
        "unsupported_token_type": WireError(400, "RFC 7009 §2.2.1"),
        "invalid_dpop_proof": WireError(400, "RFC 9449 §5"),
        "use_dpop_nonce": WireError(400, "RFC 9449 §8"),
        "login_required": WireError(400, "OpenID Connect Core §3.1.2.6"),
        "unmet_authentication_requirements": WireError(400, "RFC 9470 §5"),
        "consent_required": WireError(400, "OpenID Connect Core §3.1.2.6"),
        "interaction_required": WireError(400, "OpenID Connect Core §3.1.2.6"),
        "account_selection_required": WireError(400, "OpenID Connect Core §3.1.2.6"),
        "request_not_supported": WireError(400, "OpenID Connect Core §3.1.2.6"),
        "request_uri_not_supported": WireError(400, "OpenID Connect Core §3.1.2.6"),
        "registration_not_supported": WireError(400, "OpenID Connect Core §3.1.2.6"),
        "invalid_token": WireError(401, "RFC 6750 §3.1"),
        "insufficient_scope": WireError(403, "RFC 6750 §3.1"),
    }
)


class OAuthError(Exception):
    """An error for the wire: ``error`` is its code, ``description`` a sentence for the caller.

    ``sentence`` is the description as it was given: it may be text that people can be told in
    another language.
    ``reason`` is the word for what the sentence says, where there is one (S109). ``detail`` is for
    the operator's log alone. None of them ever holds a secret. ``retry_after``: the whole seconds
    after which another try makes sense, where that is known (RFC 9110 §10.2.3).
    """

    def __init__(
        self, error: str, description: str, *, detail: str = "", reason: Reason | None = None
    ) -> None:
        if error not in ERRORS:
            raise ValueError(f"{error!r} is not an error of any specification we follow")
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = str(description)
        self.sentence = description
        self.detail = detail
        self.reason = reason
        self.retry_after: int | None = None

    @property
    def status(self) -> int:
        """HTTP status of a direct answer."""
        return ERRORS[self.error].status


class TooManyRequests(OAuthError):
    """Somebody comes too often, and has to wait for so many seconds (RFC 6585 §4)."""

    def __init__(self, description: str, wait: float) -> None:
        super().__init__("temporarily_unavailable", description, detail="too many requests")
        self.retry_after = math.ceil(wait)

    @property
    def status(self) -> int:
        """HTTP status of a direct answer."""
        return 429


class Denied(OAuthError):
    """A person said no to a device: 400, as all errors of the token endpoint (RFC 8628 §3.5)."""

    def __init__(self, description: str) -> None:
        super().__init__("access_denied", description)

    @property
    def status(self) -> int:
        """HTTP status of a direct answer."""
        return 400


def invalid_request(description: str, *, detail: str = "") -> OAuthError:
    """A parameter is missing, repeated, malformed or not allowed here."""
    return OAuthError("invalid_request", description, detail=detail)


def invalid_client(description: str, *, detail: str = "") -> OAuthError:
    """The client could not be authenticated. The description never says which half was wrong."""
    return OAuthError("invalid_client", description, detail=detail)


def invalid_grant(
    description: str, *, detail: str = "", reason: Reason | None = None
) -> OAuthError:
    """The code or refresh token does not, or no longer, stand for anything.

    Where the description does not say why, no ``reason`` does: a thief would learn it too.
    """
    return OAuthError("invalid_grant", description, detail=detail, reason=reason)


def invalid_scope(description: str) -> OAuthError:
    """A scope is unknown, malformed, or more than may be had."""
    return OAuthError("invalid_scope", description)


def invalid_target(description: str) -> OAuthError:
    """A resource is unknown, malformed, or ambiguous (RFC 8707 §2)."""
    return OAuthError("invalid_target", description)


def invalid_authorization_details(description: str) -> OAuthError:
    """They are of a type that is not known, malformed, or more than may be had (RFC 9396 §5)."""
    return OAuthError("invalid_authorization_details", description)


def sayable(sentence: str) -> str:
    """Leave out what may not stand in a description (RFC 6749 §5.2): what was sent may be in it."""
    said = "".join("'" if c in '`"\\' else c for c in sentence[:200] if " " <= c <= "~")
    return said.rstrip(".")
