"""An authorization code and what it stands for, by the code's SHA-256 (OAuth 2.1 §4.1.2)."""

from typing import Final

from msgspec import Struct

from counterfoil.oauth.access import Access
from counterfoil.server.records.session import Origin

MOST_WRONG_VERIFIERS: Final = 3


class Authorization(Struct, frozen=True, kw_only=True):
    """What the browser part of a flow leaves behind for the token endpoint. Times in seconds.

    ``taken_at`` and ``family_id`` are set by the one statement that takes the code.
    """

    digest: bytes
    client_id: str
    user_id: str
    grant_id: str
    session_id: str | None
    redirect_uri: str
    code_challenge: str
    access: Access
    auth_time: int
    expires_at: int
    origin: Origin
    nonce: str | None = None
    taken_at: int | None = None
    family_id: str | None = None
    wrong_verifiers: int = 0
    dpop_jkt: str | None = None
    """The key that the client must prove when it exchanges the code (RFC 9449 §10)."""
