"""A grant: this user lets this client have this access; one per user and client (S01, S09, S14)."""

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

    def is_live(self, now: int) -> bool:
        """Whether it stands: neither taken back nor past its end date."""
        return self.ended_at is None and (self.ends_at is None or now < self.ends_at)
