"""A grant: this user lets this client have this access; one per user and client (S01, S09, S14)."""

from typing import Protocol

from msgspec import Struct

from counterfoil.oauth.access import Access


class Grant(Struct, frozen=True, kw_only=True):
    """The unit a person sees: what they allowed an app, when. It is independent of any token."""

    id: str
    user_id: str
    client_id: str
    access: Access
    created_at: int
    updated_at: int
    ended_at: int | None = None
    ends_at: int | None = None
    """The end date that the person chose (S13)."""
    limited: Access = Access()
    """What of it was allowed within limits only: for more the person is asked each time (S15)."""

    def allows_unasked(self, access: Access) -> bool:
        """Whether all of it was allowed before, and no limits were said then."""
        unlimited = self.access if self.limited.is_empty else self.access.without(self.limited)
        return unlimited.covers(access)

    def is_live(self, now: int) -> bool:
        """Whether it stands: neither taken back nor past its end date."""
        return self.ended_at is None and (self.ends_at is None or now < self.ends_at)


class Grants(Protocol):
    """What users allowed clients: at most one live grant per user and client."""

    async def allow(self, grant: Grant) -> Grant:
        """Make this grant, or give its access to the live one of the same user and client.

        The access, what of it is limited, and the end date that stood before are replaced. Gives
        the grant that stands now.
        """

    async def add_ended(self, grant: Grant) -> None:
        """Add one that never stood: under it hangs what an administrator's right has made (S58)."""

    async def find(self, grant_id: str) -> Grant | None:
        """Look up, ended or not."""

    async def between(self, user_id: str, client_id: str) -> Grant | None:
        """The live grant of this user and client."""

    async def of_user(self, user_id: str) -> list[Grant]:
        """Live ones, by age."""

    async def every(self) -> list[Grant]:
        """Live ones, by age."""

    async def end(self, grant_id: str, at: int) -> bool:
        """End; ``False`` where it was ended already or never was. Its codes die with it."""

    async def limit(self, grant_id: str, ends_at: int | None, at: int) -> bool:
        """Give a live grant another end date, or none; ``False`` where there is no such grant."""

    async def due(self, limit: int) -> list[Grant]:
        """At most so many that have not been ended and whose end date has come, oldest first."""
