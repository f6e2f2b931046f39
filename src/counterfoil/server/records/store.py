"""The promises of the store: what protocol may rely on, whatever engine keeps them."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from counterfoil.oauth.feed import Position
from counterfoil.oauth.revocations import Notice
from counterfoil.server.records.action_token import ActionTokens
from counterfoil.server.records.allowance import Allowances
from counterfoil.server.records.api import Apis
from counterfoil.server.records.audit import Events, Segments
from counterfoil.server.records.authorization import Authorizations
from counterfoil.server.records.beginnings import Beginnings
from counterfoil.server.records.client import Clients
from counterfoil.server.records.default_lifetime import DefaultLifetimes
from counterfoil.server.records.device_request import DeviceRequests
from counterfoil.server.records.email_change import EmailChanges
from counterfoil.server.records.family import Families
from counterfoil.server.records.grant import Grants
from counterfoil.server.records.guards import Guards
from counterfoil.server.records.habits import HabitsKept
from counterfoil.server.records.issued_token import IssuedTokens
from counterfoil.server.records.lease import Leases
from counterfoil.server.records.letter import Outbox
from counterfoil.server.records.linked_identity import LinkedIdentities
from counterfoil.server.records.listing import Lists
from counterfoil.server.records.logout import Logouts
from counterfoil.server.records.mint_right import MintRights
from counterfoil.server.records.passkey import Passkeys
from counterfoil.server.records.personal_token import PersonalTokens
from counterfoil.server.records.provider import Providers
from counterfoil.server.records.refresh_limits import LimitNotes
from counterfoil.server.records.remembered_browser import RememberedBrowsers
from counterfoil.server.records.second_factor import SecondFactors
from counterfoil.server.records.server_process import Servers
from counterfoil.server.records.session import Sessions
from counterfoil.server.records.sighting import Sightings
from counterfoil.server.records.signing_key import SigningKeys
from counterfoil.server.records.user import Users

T = TypeVar("T")


class Proofs(Protocol):
    """DPoP proofs that were used, by their id (RFC 9449 §11.1), for as long as they are timely."""

    async def take(self, proof_id: bytes, until: int) -> bool:
        """Use a proof up: one statement, so that only one taker succeeds."""


class Notices(Protocol):
    """The feed: numbered without a gap within an epoch, chained, kept while they matter."""

    async def append(self, notices: Iterable[Notice]) -> Position:
        """Number, chain and store notices; gives the position of the last."""

    async def head(self) -> tuple[Position, str]:
        """How far the notices reach, and the digest of the chain so far."""

    async def after(self, number: int, limit: int) -> list[tuple[int, bytes]]:
        """Notices with a greater number, in order, as stored."""

    async def names_token(self, handle: str) -> bool:
        """Whether a notice that has not been swept ends the access token with this handle."""

    async def oldest(self) -> int:
        """The greatest number that was swept away: a cursor below it is too old."""

    async def live(self) -> list[bytes]:
        """All that have not been swept away, in order, as stored."""


class Sealed(Protocol):
    """Named values of the installation: sealed server keys, high-water marks."""

    async def get(self, name: str) -> bytes | None: ...
    async def put_if_absent(self, name: str, value: bytes) -> bytes:
        """Store unless there is a value; gives the one that stands."""

    async def replace(self, name: str, value: bytes) -> None:
        """Store in place of the value that stands."""

    async def raise_to(self, name: str, number: int) -> int:
        """Raise a high-water mark; it never sinks. Gives the one that stands."""


class Decisions(Protocol):
    """What was decided before and rests on clients, their secrets and APIs alone.

    It is forgotten before anyone could read any of these as another has changed it, and may be
    forgotten at any time. What else a decision rests on, whoever keeps it must look at anew.
    """

    async def find(self, name: bytes) -> object | None:
        """Give what was decided; ``None`` where that is not known any more."""

    async def keep(self, name: bytes, decision: object) -> None:
        """Keep what was decided, last of all: of a work that fails after this it may stay."""


class Transaction(Protocol):
    """One unit of work. It carries the time, read once, and chance.

    ``now`` is in seconds since the epoch. Everything is awaited only on this object.
    """

    @property
    def now(self) -> int: ...
    @property
    def users(self) -> Users: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def clients(self) -> Clients: ...
    @property
    def apis(self) -> Apis: ...
    @property
    def default_lifetimes(self) -> DefaultLifetimes: ...
    @property
    def limit_notes(self) -> LimitNotes: ...
    @property
    def grants(self) -> Grants: ...
    @property
    def authorizations(self) -> Authorizations: ...
    @property
    def device_requests(self) -> DeviceRequests: ...
    @property
    def action_tokens(self) -> ActionTokens: ...
    @property
    def email_changes(self) -> EmailChanges: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def logouts(self) -> Logouts: ...
    @property
    def passkeys(self) -> Passkeys: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def identities(self) -> LinkedIdentities: ...
    @property
    def remembered_browsers(self) -> RememberedBrowsers: ...
    @property
    def second_factors(self) -> SecondFactors: ...
    @property
    def habits(self) -> HabitsKept: ...
    @property
    def families(self) -> Families: ...
    @property
    def mint_rights(self) -> MintRights: ...
    @property
    def proofs(self) -> Proofs: ...
    @property
    def signing_keys(self) -> SigningKeys: ...
    @property
    def events(self) -> Events: ...
    @property
    def segments(self) -> Segments: ...
    @property
    def notices(self) -> Notices: ...
    @property
    def issued_tokens(self) -> IssuedTokens: ...
    @property
    def allowances(self) -> Allowances: ...
    @property
    def personal_tokens(self) -> PersonalTokens: ...
    @property
    def sightings(self) -> Sightings: ...
    @property
    def lists(self) -> Lists: ...
    @property
    def guards(self) -> Guards: ...
    @property
    def servers(self) -> Servers: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def sealed(self) -> Sealed: ...
    @property
    def beginnings(self) -> Beginnings: ...
    @property
    def decisions(self) -> Decisions: ...

    def random(self, count: int) -> bytes:
        """So many random bytes."""

    async def attempt(self, work: "Work[T]") -> T:
        """Run a work inside this one. What it raises undoes what it did, and nothing else."""

    async def sweep(self, limit: int) -> int:
        """Remove at most ``limit`` rows of each kind that can matter no more; says how many."""


Work = Callable[[Transaction], Awaitable[T]]


class Store(Protocol):
    """Where records are kept. A work awaits only its transaction, and may run twice."""

    async def transact(self, work: Work[T], *, beside: bool = False, urgent: bool = False) -> T:
        """Run a work alone, and commit. What it returned counts only once this returns.

        What it raises is raised here, and leaves nothing behind. No answer, of return or error,
        leaves before the commit.

        ``beside``: the work may run while others do that are so called, never while one runs that
        is not. Then each of its statements sees what was committed before it, so what it checks
        and what it spends must be one statement; it is given a family that nobody else changes
        before it ends; and its notices and events have their numbers only when this returns.

        Where many wait, those go first that are not called ``beside``, for among them are all
        endings; and those that are ``urgent``, by which the others learn of endings.

        Raises:
            Overloaded: too many wait, or this one has waited for too long. It was not begun.
            StoreUnavailable: the commit failed. Nothing was acknowledged, and nothing is stored
                unless the line to the engine broke in the very moment of the commit.
        """

    async def read(self, work: Work[T], *, urgent: bool = False) -> T:
        """Run a work that only reads, on one consistent view of what has been committed.

        ``urgent``: as above.
        """

    async def glance(self, work: Work[T]) -> T:
        """Run a work that asks for nothing but decisions: as fresh as what is read, and cheaper.

        Raises:
            Overloaded, StoreUnavailable: as ``read`` does.
        """

    def version(self) -> int:
        """A number that changes when anyone, in any process, has committed what others follow.

        That is all but what works beside others change of families, codes, sessions and proofs.
        Cheap enough for every turn of a loop; what other processes committed shows in it within a
        moment, not at once.
        """

    async def version_now(self) -> int:
        """Ask the store for its version: whatever was answered before this call is in it.

        Cheap enough for every request.

        Raises:
            StoreUnavailable: the store cannot say.
        """

    async def close(self) -> None:
        """Finish what was begun, and let go of the files."""
