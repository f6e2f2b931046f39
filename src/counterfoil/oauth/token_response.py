"""The answer of the token endpoint (RFC 6749 §5.1)."""

from msgspec import Struct


class TokenResponse(Struct, frozen=True, omit_defaults=True):
    """What the client gets; ``expires_in`` in seconds. It is never logged."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | None = None
    id_token: str | None = None

    def __repr__(self) -> str:
        return f"TokenResponse(scope={self.scope!r}, …)"
