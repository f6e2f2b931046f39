"""An authorization code and what it stands for, by the code's SHA-256 (OAuth 2.1 §4.1.2)."""

from typing import Final, Protocol

from msgspec import Struct

from counterfoil.oauth.access import Access
from counterfoil.oauth.acr import PASSWORD
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
    amr: tuple[str, ...] = (PASSWORD,)
    nonce: str | None = None
    taken_at: int | None = None
    family_id: str | None = None
    wrong_verifiers: int = 0
    dpop_jkt: str | None = None
    """The key that the client must prove when it exchanges the code (RFC 9449 §10)."""


class Authorizations(Protocol):
    """Authorization codes, by their SHA-256."""

    async def add(self, authorization: Authorization) -> None:
        """Add."""

    async def take(self, digest: bytes, family_id: str, now: int) -> Authorization | None:
        """Take an untaken, unexpired code: one statement, so that only one taker succeeds."""

    async def find(self, digest: bytes) -> Authorization | None:
        """Look at a code, taken or not, without taking it."""

    async def put_back(self, digest: bytes) -> None:
        """Undo a taking after a wrong verifier, counting it."""

    async def burn_of_grant(self, grant_id: str) -> None:
        """Make untaken codes of a grant worthless."""

    async def burn_of_session(self, session_id: str) -> None:
        """Make untaken codes of an ended session worthless."""

    async def burn_of_client(self, client_id: str) -> None:
        """Make untaken codes of a client worthless."""
