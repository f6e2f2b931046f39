"""The answer of the token endpoint (RFC 6749 §5.1)."""

from msgspec import Struct

from counterfoil.oauth.limits import Limit


class TokenBudget(Struct, frozen=True):
    """Says that the access token is ``bytes`` long, and that its API would have ``most``."""

    bytes: int
    most: int


class TokenResponse(Struct, frozen=True, omit_defaults=True):
    """What the client gets; ``expires_in`` in seconds. It is never logged.

    ``authorization_details`` are the limits of the token (RFC 9396 §7).
    ``issued_token_type`` is said of a token that was exchanged (RFC 8693 §2.2.1).
    No words of the RFC are ``token_budget``, where the access token is too long, and ``max_uses``,
    where it works so many times.
    """

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | None = None
    id_token: str | None = None
    issued_token_type: str | None = None
    authorization_details: tuple[Limit, ...] | None = None
    token_budget: TokenBudget | None = None
    max_uses: int | None = None

    def __repr__(self) -> str:
        return f"TokenResponse(scope={self.scope!r}, …)"
