"""A transaction: every kind of record over one connection, bound once."""

from collections.abc import Callable
from typing import TypeVar

from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.store import Decisions, Work
from counterfoil.server.storage.connection import Connection
from counterfoil.server.storage.statements.action_tokens import ActionTokenStatements
from counterfoil.server.storage.statements.allowances import AllowanceStatements
from counterfoil.server.storage.statements.apis import ApiStatements
from counterfoil.server.storage.statements.authorizations import AuthorizationStatements
from counterfoil.server.storage.statements.beginnings import BeginningStatements
from counterfoil.server.storage.statements.clients import ClientStatements
from counterfoil.server.storage.statements.default_lifetime import DefaultLifetimeStatements
from counterfoil.server.storage.statements.device_requests import DeviceRequestStatements
from counterfoil.server.storage.statements.email_changes import EmailChangeStatements
from counterfoil.server.storage.statements.events import EventStatements
from counterfoil.server.storage.statements.families import FamilyStatements
from counterfoil.server.storage.statements.fences import FenceStatements
from counterfoil.server.storage.statements.grants import GrantStatements
from counterfoil.server.storage.statements.guards import GuardStatements
from counterfoil.server.storage.statements.habits import HabitStatements
from counterfoil.server.storage.statements.issued_tokens import IssuedTokenStatements
from counterfoil.server.storage.statements.leases import LeaseStatements
from counterfoil.server.storage.statements.linked_identities import LinkedIdentityStatements
from counterfoil.server.storage.statements.lists import ListStatements
from counterfoil.server.storage.statements.logouts import LogoutStatements
from counterfoil.server.storage.statements.mint_rights import MintRightStatements
from counterfoil.server.storage.statements.notices import NoticeStatements
from counterfoil.server.storage.statements.outbox import OutboxStatements
from counterfoil.server.storage.statements.passkeys import PasskeyStatements
from counterfoil.server.storage.statements.personal_tokens import PersonalTokenStatements
from counterfoil.server.storage.statements.proofs import ProofStatements
from counterfoil.server.storage.statements.providers import ProviderStatements
from counterfoil.server.storage.statements.refresh_limits import LimitNoteStatements
from counterfoil.server.storage.statements.remembered_browsers import RememberedBrowserStatements
from counterfoil.server.storage.statements.sealed import SealedStatements
from counterfoil.server.storage.statements.second_factors import SecondFactorStatements
from counterfoil.server.storage.statements.segments import SegmentStatements
from counterfoil.server.storage.statements.server_processes import ServerProcessStatements
from counterfoil.server.storage.statements.sessions import SessionStatements
from counterfoil.server.storage.statements.sightings import SightingStatements
from counterfoil.server.storage.statements.signing_keys import SigningKeyStatements
from counterfoil.server.storage.statements.users import UserStatements

T = TypeVar("T")


class NoDecisions:
    """Remembers no decision: it would not learn of what changes."""

    async def find(self, name: bytes) -> object | None:
        """Know of nothing."""

    async def keep(self, name: bytes, decision: object) -> None:
        """Forget it at once."""


class BoundTransaction:
    """Keeps the promises of ``Transaction``. One object serves all works of a connection in turn.

    ``random`` gives so many random bytes.
    """

    decisions: Decisions = NoDecisions()

    def __init__(self, connection: Connection, random: Callable[[int], bytes]) -> None:
        self._connection = connection
        self.random = random
        self.users = UserStatements(connection)
        self.sessions = SessionStatements(connection)
        self.clients = ClientStatements(connection)
        self.apis = ApiStatements(connection)
        self.default_lifetimes = DefaultLifetimeStatements(connection)
        self.limit_notes = LimitNoteStatements(connection)
        self.grants = GrantStatements(connection)
        self.authorizations = AuthorizationStatements(connection)
        self.device_requests = DeviceRequestStatements(connection)
        self.action_tokens = ActionTokenStatements(connection)
        self.email_changes = EmailChangeStatements(connection)
        self.outbox = OutboxStatements(connection)
        self.logouts = LogoutStatements(connection)
        self.passkeys = PasskeyStatements(connection)
        self.providers = ProviderStatements(connection)
        self.identities = LinkedIdentityStatements(connection)
        self.remembered_browsers = RememberedBrowserStatements(connection)
        self.second_factors = SecondFactorStatements(connection)
        self.habits = HabitStatements(connection)
        self.families = FamilyStatements(connection)
        self.mint_rights = MintRightStatements(connection)
        self.proofs = ProofStatements(connection)
        self.allowances = AllowanceStatements(connection)
        self.sightings = SightingStatements(connection)
        self.signing_keys = SigningKeyStatements(connection)
        self.events = EventStatements(connection, random)
        self.segments = SegmentStatements(connection)
        self.notices = NoticeStatements(connection)
        self.issued_tokens = IssuedTokenStatements(connection)
        self.personal_tokens = PersonalTokenStatements(connection)
        self.lists = ListStatements(connection)
        self.guards = GuardStatements(connection)
        self.servers = ServerProcessStatements(connection)
        self.leases = LeaseStatements(connection)
        self.sealed = SealedStatements(connection)
        self.beginnings = BeginningStatements(connection)
        self.fence = FenceStatements(connection)

    @property
    def now(self) -> int:
        """When the work began, in seconds since the epoch."""
        return self._connection.now

    async def attempt(self, work: Work[T]) -> T:
        """Run a work inside this one. What it raises undoes what it did, and nothing else."""
        await self._connection.run("SAVEPOINT attempt")
        try:
            value = await work(self)
        except StoreUnavailable:
            raise  # there may be no savepoint any more, and the whole transaction goes with it
        except Exception:
            await self._connection.run("ROLLBACK TO SAVEPOINT attempt")
            await self._connection.run("RELEASE SAVEPOINT attempt")
            raise
        await self._connection.run("RELEASE SAVEPOINT attempt")
        return value

    async def sweep(self, limit: int) -> int:
        """Remove at most ``limit`` rows of each kind that can matter no more; says how many.

        Grants come last: families and codes hang under them. Events leave by segments (`audit`).
        """
        swept = await self.notices.sweep(limit)
        swept += await self.families.sweep(limit)
        swept += await self.mint_rights.sweep(limit)
        swept += await self.authorizations.sweep(limit)
        swept += await self.device_requests.sweep(limit)
        swept += await self.action_tokens.sweep(limit)
        swept += await self.email_changes.sweep(limit)
        swept += await self.outbox.sweep(limit)
        swept += await self.logouts.sweep(limit)
        swept += await self.remembered_browsers.sweep(limit)
        swept += await self.second_factors.sweep(limit)
        swept += await self.identities.sweep(limit)
        swept += await self.habits.sweep(limit)
        swept += await self.grants.sweep(limit)
        swept += await self.proofs.sweep(limit)
        swept += await self.allowances.sweep(limit)
        swept += await self.sightings.sweep(limit)
        swept += await self.sessions.sweep(limit)
        swept += await self.clients.sweep(limit)
        swept += await self.signing_keys.sweep(limit)
        swept += await self.issued_tokens.sweep(limit)
        swept += await self.personal_tokens.sweep(limit)
        swept += await self.guards.sweep(limit)
        swept += await self.servers.sweep(limit)
        return swept
