"""The peers that are Python, each on gunicorn with one worker and four threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench.peers.site import Paths, Setup, Site, clients, let_in
from bench.server import Started, running
from tests.ports import free_port
from tests.postgres import Postgres

_FOLDER: Final = Path(__file__).parent
_GUNICORN: Final = _FOLDER / ".venv/bin/gunicorn"
# gthread, for the plain worker keeps no connection alive; its requests never time out here.
_OPTIONS: Final = ("--workers", "1", "--worker-class", "gthread", "--threads", "4")
_KEPT_ALIVE: Final = ("--keep-alive", "75", "--worker-connections", "1000", "--log-level", "error")


class OnGunicorn(Struct, frozen=True):
    """A WSGI application of one file."""

    key: str
    title: str
    settings: str
    application: str
    paths: Paths
    on_postgres: bool = False
    kind: str = "jwt"

    def missing(self) -> str:
        """It lives in an environment of its own."""
        return "" if _GUNICORN.exists() else "its packages (make bench-peers installs them)"

    @contextmanager
    def running(self, folder: Path, database: Postgres) -> Iterator[Site]:
        """Run it."""
        setup = Setup(
            free_port(),
            clients(),
            sqlite="" if self.on_postgres else str(folder / "peer.db"),
            postgres=database.place(database.create()) if self.on_postgres else {},
        )
        place, _, module = self.application.partition("/")
        command = [str(_GUNICORN), *_OPTIONS, *_KEPT_ALIVE, "--bind", f"127.0.0.1:{setup.port}"]
        command += ["--chdir", str(_FOLDER / place), module]
        named = {"PEER_SETUP": str(setup.written(folder))}
        started = Started(command, "/ready", folder / "log", surroundings=named)
        with running(started, setup.port) as server:
            yield Site(server, self.paths, setup.clients, let_in("/sign-in"), self.kind)


_AUTHLIB_PATHS: Final = Paths("/authorize", "/token", "/introspect")
_TOOLKIT_PATHS: Final = Paths("/o/authorize/", "/o/token/", "/o/introspect/")

AUTHLIB_ON_SQLITE = OnGunicorn(
    "authlib_sqlite",
    "Authlib on Flask, SQLite",
    "gunicorn, 1 worker, 4 threads; SQLAlchemy; WAL, synchronous=FULL; one commit for each request",
    "authlib_flask/app:app",
    _AUTHLIB_PATHS,
)
AUTHLIB_ON_POSTGRES = OnGunicorn(
    "authlib_postgres",
    "Authlib on Flask, PostgreSQL",
    "gunicorn, 1 worker, 4 threads; SQLAlchemy on psycopg; one commit for each request",
    "authlib_flask/app:app",
    _AUTHLIB_PATHS,
    on_postgres=True,
)
TOOLKIT_ON_SQLITE = OnGunicorn(
    "django_oauth_toolkit_sqlite",
    "django-oauth-toolkit, SQLite",
    "gunicorn, 1 worker, 4 threads; WAL, synchronous=FULL; secrets of clients not hashed",
    "django_toolkit/project:application",
    _TOOLKIT_PATHS,
    kind="opaque",
)
TOOLKIT_ON_POSTGRES = OnGunicorn(
    "django_oauth_toolkit_postgres",
    "django-oauth-toolkit, PostgreSQL",
    "gunicorn, 1 worker, 4 threads; connections kept; secrets of clients not hashed",
    "django_toolkit/project:application",
    _TOOLKIT_PATHS,
    on_postgres=True,
    kind="opaque",
)
