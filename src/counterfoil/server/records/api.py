"""An API: a resource server with its identifier and the scopes that it owns (RFC 8707 §2)."""

from collections.abc import Mapping

from msgspec import Struct

from counterfoil.server.records.policy import ApiPolicy


class Api(Struct, frozen=True, kw_only=True):
    """A protected API. ``token_lifetime`` in seconds; ``generation`` as at a client."""

    uri: str
    name: str
    created_at: int
    scopes: Mapping[str, str]
    """Each scope with its description in plain words, shown on the consent page."""
    token_lifetime: int | None = None
    generation: int = 1
    policy: ApiPolicy = ApiPolicy()
