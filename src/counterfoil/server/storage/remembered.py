"""What seldom changes, remembered on a connection until it may have changed.

Nearly every request asks for clients, APIs and the limits of lifetimes. What is not there is not
remembered: strangers could fill the memory with names.
"""

from collections.abc import Callable
from typing import Any, Final

from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client, ClientSecret
from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.refresh_limits import NotedLimits
from counterfoil.server.storage.connection import Connection
from counterfoil.server.storage.statements.apis import ApiStatements
from counterfoil.server.storage.statements.clients import ClientStatements
from counterfoil.server.storage.statements.default_lifetime import DefaultLifetimeStatements
from counterfoil.server.storage.statements.refresh_limits import LimitNoteStatements
from counterfoil.server.storage.transaction import BoundTransaction

TABLES: Final = ("clients", "client_secrets", "apis", "default_lifetime", "refresh_limits")
"""Where that stands which is remembered."""
MOST_CLIENTS: Final = 2_000
"""So many are remembered at most, on each connection: there may be any number."""
MOST_DECISIONS: Final = 4_000


class RememberedClients(ClientStatements):
    """Clients that were found before, and their secrets."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._found: dict[str, Client] = {}
        self._secrets: dict[str, list[ClientSecret]] = {}

    async def find(self, client_id: str) -> Client | None:
        """Look up by ``client_id``."""
        found = self._found.get(client_id)
        if found is None:
            found = await super().find(client_id)
            if found is not None:
                _make_room(self._found, MOST_CLIENTS)
                self._found[client_id] = found
        return found

    async def secrets_of(self, client_id: str) -> list[ClientSecret]:
        """Every secret that has not been removed, oldest first."""
        secrets = self._secrets.get(client_id)
        if secrets is None:
            secrets = await super().secrets_of(client_id)
            if secrets:
                _make_room(self._secrets, MOST_CLIENTS)
                self._secrets[client_id] = secrets
        return secrets

    def forget(self) -> None:
        """It may have changed: read anew."""
        self._found.clear()
        self._secrets.clear()


def _make_room(remembered: dict[Any, Any], most: int) -> None:
    """Forget the one that was read first, where as many are remembered as may be."""
    if len(remembered) >= most:
        del remembered[next(iter(remembered))]


class RememberedApis(ApiStatements):
    """All APIs, once they were asked for."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._every: list[Api] = []
        self._found: dict[str, Api] = {}

    async def find(self, uri: str) -> Api | None:
        """Look up by resource identifier."""
        await self.every()
        return self._found.get(uri)

    async def every(self) -> list[Api]:
        """All, oldest first."""
        if not self._every:
            self._every = await super().every()
            self._found = {api.uri: api for api in self._every}
        return self._every

    def forget(self) -> None:
        """It may have changed: read anew."""
        self._every = []
        self._found = {}


class RememberedDefaultLifetime(DefaultLifetimeStatements):
    """The default lifetime, once it was asked for."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._found: DefaultLifetime | None = None

    async def find(self) -> DefaultLifetime | None:
        """Give what the server last started with; ``None`` where it never did."""
        if self._found is None:
            self._found = await super().find()
        return self._found

    def forget(self) -> None:
        """It may have changed: read anew."""
        self._found = None


class RememberedLimitNotes(LimitNoteStatements):
    """The note of the limits of refreshing, once it was asked for."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._found: NotedLimits | None = None

    async def find(self) -> NotedLimits | None:
        """Give the note; ``None`` where no server has started yet."""
        if self._found is None:
            self._found = await super().find()
        return self._found

    def forget(self) -> None:
        """It may have changed: read anew."""
        self._found = None


class RememberedDecisions:
    """What was decided on what is remembered, and goes with it."""

    def __init__(self) -> None:
        self._kept: dict[bytes, object] = {}

    async def find(self, name: bytes) -> object | None:
        """Give what was decided; ``None`` where that is not known any more."""
        return self._kept.get(name)

    async def keep(self, name: bytes, decision: object) -> None:
        """Keep what was decided."""
        _make_room(self._kept, MOST_DECISIONS)
        self._kept[name] = decision

    def forget(self) -> None:
        """It may rest on what has changed."""
        self._kept.clear()


class RememberingTransaction(BoundTransaction):
    """A transaction that remembers what seldom changes, from one work to the next."""

    def __init__(self, connection: Connection, random: Callable[[int], bytes]) -> None:
        super().__init__(connection, random)
        self.clients: RememberedClients = RememberedClients(connection)
        self.apis: RememberedApis = RememberedApis(connection)
        self.default_lifetimes: RememberedDefaultLifetime = RememberedDefaultLifetime(connection)
        self.limit_notes: RememberedLimitNotes = RememberedLimitNotes(connection)
        self.decisions: RememberedDecisions = RememberedDecisions()

    def forget(self) -> None:
        """Any of it may have changed: read it anew."""
        self.clients.forget()
        self.apis.forget()
        self.default_lifetimes.forget()
        self.limit_notes.forget()
        self.decisions.forget()


class ReadingTransaction(RememberingTransaction):
    """A transaction that only reads, and remembers until anyone has changed anything of it."""

    def __init__(self, connection: Connection, random: Callable[[int], bytes]) -> None:
        super().__init__(connection, random)
        self._version = -1

    def see(self, version: int) -> None:
        """Begin at this version of it; what was remembered of another is forgotten."""
        if version != self._version:
            self._version = version
            self.forget()
