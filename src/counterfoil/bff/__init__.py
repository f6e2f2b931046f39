"""The backend-for-frontend: tokens stay on the server, the browser holds a handle.

The pattern is that of OAuth 2.0 for Browser-Based Applications (RFC 10017 §6.1).
"""

from counterfoil.bff.app import BackendForFrontend
from counterfoil.bff.marker import MarkerCookie
from counterfoil.bff.sessions import Limits, MemorySessions, Session, Sessions
from counterfoil.bff.upstream import Upstream

__all__ = [
    "BackendForFrontend",
    "Limits",
    "MarkerCookie",
    "MemorySessions",
    "Session",
    "Sessions",
    "Upstream",
]
