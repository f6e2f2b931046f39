"""A token that was written down, because its API wants that: in the registry, opaque, or listed."""

from typing import Final, Protocol

from msgspec import Struct

from counterfoil.oauth.access_token import AccessToken
from counterfoil.oauth.revocations import Marks

LIST_SIZE: Final = 8192
"""Places in a status list: a kilobyte before it is compressed."""
MOST_FILLED: Final = LIST_SIZE // 2
"""So that a free place is soon found by chance, a list takes no more tokens than this."""


class Place(Struct, frozen=True):
    """Where a token stands in a status list."""

    list_id: str
    index: int


class IssuedToken(Struct, frozen=True, kw_only=True):
    """One token. Times in seconds since the epoch.

    ``digest`` is the SHA-256 of a JWT's signing input, so that it is the same however the
    signature is spelled, or of a reference token's text. ``marks`` are those by which it can be
    ended; a reference token has no ``kid``, and its ``claims`` stand nowhere else. The row
    matters no more at ``kept_until``.
    """

    digest: bytes
    marks: Marks
    expires_at: int
    kept_until: int
    claims: AccessToken | None = None
    place: Place | None = None


class Registered(Struct, frozen=True):
    """What guards learn of a token: its digest, and until when it is worth remembering."""

    number: int
    digest: bytes
    expires_at: int


class StatusListRecord(Struct, frozen=True):
    """A published list. ``filled``: how many places it ever gave."""

    id: str
    filled: int


class IssuedTokens(Protocol):
    """The promises of the store: tokens are there until they have expired, and leave then."""

    async def add(self, token: IssuedToken) -> None:
        """Add; raises ``Conflict`` where the digest or the place is taken."""

    async def find(self, digest: bytes) -> IssuedToken | None:
        """Look up by digest."""

    async def after(self, audience: str, number: int, limit: int) -> list[Registered]:
        """Unexpired tokens of an API with a greater number, in order.

        A number may come to light after a greater one: whoever follows may miss it.
        """

    async def open_list(self, audience: str, kept_until: int, new_id: str) -> str:
        """Count one more token into the API's open status list, or begin one; gives its id."""

    async def is_taken(self, place: Place) -> bool:
        """Whether a token stands there."""

    async def find_list(self, list_id: str) -> StatusListRecord | None:
        """Look up a status list."""

    async def in_list(self, list_id: str) -> list[IssuedToken]:
        """All tokens of a status list that have not been swept away."""

    async def lists(self, after: str, limit: int) -> list[str]:
        """The ids of status lists that come after this one, in order."""
