"""What a text is that someone took for a token: each of our secrets shows its kind (S75)."""

from types import MappingProxyType
from typing import Final

from counterfoil.oauth.opaque import Kind, is_spelled

_NAMES: Final = MappingProxyType(
    {
        Kind.CLIENT_SECRET: "a client secret",
        Kind.AUTHORIZATION_CODE: "an authorization code",
        Kind.DEVICE_CODE: "a device code",
        Kind.SESSION: "the secret of a session's cookie",
        Kind.BROWSER: "the secret of a browser's cookie",
        Kind.REMEMBERED: "what a browser is remembered by",
    }
)


def other_secret(unverified: str) -> str | None:
    """Name the kind of one of our secrets that is no token; ``None`` for anything else."""
    return next((name for kind, name in _NAMES.items() if is_spelled(kind, unverified)), None)
