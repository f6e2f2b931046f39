"""``counterfoil serve``: the authorization server, in one process or several."""

import gc
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.cli.invocation import Invocation, demanding_server, located
from counterfoil.cli.output import Failure, counted

if TYPE_CHECKING:
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.settings import Settings

BACKLOG: Final = 2048
UNREAD_MS: Final = 30_000
"""How long the system tries to deliver what a peer does not take, before it lets go of it."""


@click.command()
@click.option("--host", help="Address to listen on. Default: 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes any. Default: 8000.")
@click.option(
    "--issuer", metavar="URL", help="Where everyone reaches the server. Default: http://HOST:PORT."
)
@click.option("--workers", type=click.IntRange(1, 64), help="Server processes. Default: 1.")
@located
def serve(
    call: Invocation, host: str | None, port: int | None, issuer: str | None, workers: int | None
) -> None:
    """Run the server. Ctrl-C or SIGTERM ends it."""
    given = {"host": host, "port": port, "issuer": issuer, "workers": workers}
    gc.disable()  # hardly anything that is loaded from here on is garbage; `serving` enables it
    try:
        _serve(Invocation({**call.overrides, **given}))
    finally:
        gc.enable()


def _serve(call: Invocation) -> None:
    settings = call.settings()
    with listen(settings.host, settings.port) as listener:
        if settings.port == 0:
            call = Invocation({**call.overrides, "port": listener.getsockname()[1]})
            settings = call.settings()
        call.run(_demand_usable, makes=True, serves=True)
        _run(settings, call.overrides, listener)


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket.

    Raises:
        Failure: the address cannot be listened on.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise Failure(
            f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}"
        ) from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # what is accepted here inherits it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
    return listener


async def _demand_usable(authority: "Authority") -> None:
    """Open the installation, and write: what is wrong with it is said before any server starts."""
    from counterfoil.server.identity.breached import BadList, Breached
    from counterfoil.server.opening import keeper_of

    keeper_of(authority.settings)
    try:
        Breached(authority.settings.breached_passwords_file).demand_usable()
    except BadList as error:
        raise Failure(f"breached_passwords_file: {error}") from None
    await authority.store.transact(lambda tx: tx.servers.leave(""))


def _run(settings: "Settings", overrides: Mapping[str, object], listener: socket.socket) -> None:
    with demanding_server():
        import uvicorn  # noqa: F401

    kept = settings.database or settings.data

    def ready() -> None:
        click.echo(
            f"Counterfoil serves {settings.issuer} on {settings.host} port {settings.port} "
            f"({counted(settings.workers, 'worker')}, data in {kept}). Ctrl-C ends it."
        )

    if settings.workers == 1:
        from counterfoil.cli.serving import run

        run(settings, listener, ready)
    else:
        from counterfoil.cli.workers import Workers

        gc.enable()
        environment = {**os.environ, **_variables(overrides)}
        Workers(listener, environment, ready).run(settings.workers)


def _variables(overrides: Mapping[str, object]) -> dict[str, str]:
    """Spell the command line's settings for the environment of the workers."""
    given = {name: value for name, value in overrides.items() if value is not None}
    return {
        f"COUNTERFOIL_{name.upper()}": str(value.absolute() if isinstance(value, Path) else value)
        for name, value in given.items()
    }
