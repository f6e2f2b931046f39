"""An API: a resource server with its identifier and the scopes that it owns (RFC 8707 §2)."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from counterfoil.server.records.encryption_key import EncryptionKey
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
    encryption_keys: tuple[EncryptionKey, ...] = ()
    """Oldest first."""


class Apis(Protocol):
    """Protected APIs."""

    async def add(self, api: Api) -> None:
        """Add; raises ``Conflict`` where the identifier is taken."""

    async def find(self, uri: str) -> Api | None: ...
    async def every(self) -> list[Api]: ...
    async def update(self, api: Api) -> bool:
        """Change name, scopes, lifetime and policy; ``False`` where there is no such API."""

    async def set_encryption_keys(self, uri: str, keys: tuple[EncryptionKey, ...]) -> None:
        """Keep these keys in place of those before."""

    async def rename(self, uri: str, to: str) -> None:
        """Give an API another identifier; raises ``Conflict`` where that is taken."""

    async def next_generation(self, uri: str) -> int:
        """Draw the next generation: all tokens of an earlier one are dead."""
