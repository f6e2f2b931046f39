"""A right to mint: a client may make tokens for these people, at these APIs, until a day (S58)."""

from typing import Protocol

from msgspec import Struct

from counterfoil.oauth.access import Access


class MintRight(Struct, frozen=True, kw_only=True):
    """What an administrator has allowed a client to make for others. Times in seconds.

    ``users`` are ids; with ``any_user`` there are none, and it is for everybody. ``longest`` is
    the greatest lifetime of a token. ``given_by`` is the actor of the event.
    """

    id: str
    client_id: str
    access: Access
    longest: int
    created_at: int
    ends_at: int
    given_by: str
    users: tuple[str, ...] = ()
    any_user: bool = False
    ended_at: int | None = None

    def is_live(self, now: int) -> bool:
        """Whether it stands: neither withdrawn nor past its last second."""
        return self.ended_at is None and now < self.ends_at

    def names(self, user_id: str) -> bool:
        """Whether tokens for this person may be made by it."""
        return self.any_user or user_id in self.users


class MadeFor(Struct, frozen=True):
    """What was made for one person by one right: ``tokens`` so far, under one family."""

    family_id: str
    right_id: str
    user_id: str
    tokens: int


class MintRights(Protocol):
    """The promises of the store. A right that was withdrawn never comes back."""

    async def add(self, right: MintRight) -> None: ...
    async def find(self, right_id: str) -> MintRight | None:
        """Look up, withdrawn or not."""

    async def of_client(self, client_id: str) -> list[MintRight]:
        """Those that were not withdrawn, by age; past ones until they are swept."""

    async def withdraw(self, right_id: str, at: int) -> bool:
        """Withdraw; ``False`` where it was withdrawn already or never was."""

    async def count(self, made: MadeFor) -> None:
        """Add so many tokens to what was made for a person by a right, under this family."""

    async def of_family(self, family_id: str) -> MadeFor | None:
        """What was made under this family; ``None`` where it is no such family."""

    async def live_made_for(self, right_id: str, user_id: str) -> MadeFor | None:
        """What hangs under a family that has not ended."""

    async def made_by(self, right_id: str) -> list[MadeFor]:
        """For whom a right has made tokens whose families have not ended."""

    async def made_for_user(self, user_id: str) -> list[MadeFor]:
        """By which rights tokens were made for a person whose families have not ended."""
