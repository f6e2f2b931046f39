"""What is refused leaves one line in the log: a name of its own, where, what and why (S109)."""

import logging
from typing import Final

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.reasons import Reason
from counterfoil.server.keys.keyring import NoSigningKey
from counterfoil.server.protocol.identifiers import named
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.web.server import Server

_LOG: Final = logging.getLogger(__name__)


def log_refusal(server: Server, path: str, error: OAuthError) -> str:
    """Log a refusal, and give the reference that the line begins with.

    Nothing of the request is logged but ``path``, which is one of our own routes: parameters hold
    secrets.
    """
    reference = _name(server)
    level = logging.WARNING if error.status >= 500 else logging.INFO
    why = ", ".join(part for part in (error.reason, error.detail) if part)
    _LOG.log(level, "%s %s: %s (%s)", reference, path, error.error, why or "-")
    return reference


def log_rejection(server: Server, path: str, reason: Reason, fingerprint: str) -> str:
    """Log that an access token was refused, and give the reference; ``fingerprint`` may be empty.

    A fingerprint is one of ours: a token that we did not sign has none.
    """
    reference = _name(server)
    _LOG.info("%s %s: %s fingerprint=%s", reference, path, reason, fingerprint or "-")
    return reference


def _name(server: Server) -> str:
    """Never taken over from a request: who sends it would choose what the log says."""
    return named(server.random(6))


def error_of(request_line: str, error: Exception) -> OAuthError:
    """Say for the wire what a handler raised. A mistake of ours is logged with its traceback."""
    match error:
        case OAuthError():
            return error
        case StoreUnavailable() | NoSigningKey():
            return OAuthError(
                "temporarily_unavailable",
                "The server cannot answer at the moment; try again.",
                detail=str(error),
            )
    _LOG.error("%s failed", request_line, exc_info=error)
    return OAuthError(
        "server_error",
        "The server made a mistake; it has been noted.",
        detail=type(error).__name__,
    )
