"""Counterfoil itself, on either engine, with its default settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from bench.peers.site import Clients, Paths, Site
from bench.seeding import seed
from bench.server import Installation, counterfoil
from tests.ports import free_port
from tests.postgres import Postgres


class Counterfoil(Struct, frozen=True):
    """``counterfoil serve``, one process."""

    key: str
    title: str
    settings: str
    on_postgres: bool = False

    def missing(self) -> str:
        """It is here."""
        return ""

    @contextmanager
    def running(self, folder: Path, database: Postgres) -> Iterator[Site]:
        """Run it on a fresh installation."""
        settings = {"database": database.url(database.create())} if self.on_postgres else {}
        installation = Installation(folder / "data", free_port(), settings)
        with counterfoil(installation) as server:
            seeded = seed(installation, server.port)
            seeded.browser.close()  # it opens anew when it is used
            clients = Clients(seeded.service, seeded.service, seeded.app)
            paths = Paths("/authorize", "/token", "/introspect")
            yield Site(server, paths, clients, lambda _: seeded.browser)


ON_SQLITE = Counterfoil(
    "counterfoil_sqlite", "Counterfoil, SQLite", "defaults: WAL, synchronous=FULL, group commit"
)
ON_POSTGRES = Counterfoil(
    "counterfoil_postgres", "Counterfoil, PostgreSQL", "defaults: ten connections", on_postgres=True
)
