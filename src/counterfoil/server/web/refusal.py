"""What is refused leaves one line in the log, which says where, what and why."""

import logging
from typing import Final

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol.identifiers import named
from counterfoil.server.web.server import Server

_LOG: Final = logging.getLogger(__name__)


def log_refusal(server: Server, path: str, error: OAuthError) -> str:
    """Log a refusal, and give the reference that the line begins with.

    Nothing of the request is logged but ``path``, which is one of our own routes: parameters hold
    secrets.
    """
    reference = named(server.random(6))
    level = logging.WARNING if error.status >= 500 else logging.INFO
    _LOG.log(level, "%s %s: %s (%s)", reference, path, error.error, error.detail)
    return reference
