"""One server process: uvicorn with uvloop and httptools, ended by a signal or by its parent."""

import asyncio
import gc
import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Final

import uvicorn
from msgspec.structs import replace

from counterfoil.cli.connections import KEEP_ALIVE_SECONDS, Connection, Patience
from counterfoil.cli.output import Failure
from counterfoil.cli.turns import Turns
from counterfoil.server.app import App
from counterfoil.server.assembly import build
from counterfoil.server.settings import Settings

_LOG: Final = logging.getLogger(__name__)
GRACE_SECONDS: Final = 5
"""How long requests that have begun may take when the server ends."""
_TICKS_A_SECOND: Final = 10
OWN_FILES: Final = 128
"""Open files that are no connections of callers."""
FEWEST: Final = 16
"""Connections, where there may be hardly any open files."""
LAST_SECONDS: Final = 2
"""Then nobody waits in line any more; what is under way has so long to be done."""


def run(
    settings: Settings,
    listener: socket.socket,
    ready: Callable[[], None],
    parent: int | None = None,
) -> None:
    """Serve until a signal comes. ``parent`` is a pipe's end that closes when the parent dies.

    Raises:
        Failure: the database demands a newer version now.
    """
    gc.freeze()  # all that is loaded by now stays: nobody need look through it
    _log_to_stderr(settings.log_level)
    patience = _patience(settings)
    app = build(_leaving_room(settings, patience))
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=partial(Connection, patience=patience, turns=Turns(app.is_brief)),  # type: ignore[arg-type]  # it makes one
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS + LAST_SECONDS,
    )
    process = _Process(config, app, ready, parent)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup has it ignored
        # Whoever takes it for several workers, or closes a terminal, loses no request either.
        signal.signal(signal.SIGHUP, process.handle_exit)
    process.run(sockets=[listener])
    if process.superseded:
        raise Failure(process.superseded)


def _leaving_room(settings: Settings, patience: Patience) -> Settings:
    """Keep a quarter of the connections for those who do not stay."""
    most = min(settings.followers_most, max(patience.connections_most * 3 // 4, 1))
    return replace(settings, followers_most=most)


def _patience(settings: Settings) -> Patience:
    """Allow as many connections as are set, or as there can be files open."""
    files = _raise_open_files(settings.connections_most + OWN_FILES)
    most = min(settings.connections_most, max(files - OWN_FILES, FEWEST))
    if most < settings.connections_most:
        _LOG.warning("%d connections at most, for no more files may be open (ulimit -Hn)", most)
    return Patience(most, settings.request_seconds)


def _raise_open_files(wanted: int) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    if level != "debug":
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


class _Process(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, app: App, ready: Callable[[], None], parent: int | None
    ) -> None:
        super().__init__(config)
        self._app = app
        self._ready = ready
        self._parent = parent
        self.superseded = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._parent is not None:
            asyncio.get_running_loop().add_reader(self._parent, self._end)
        # So does what is there by now; every full collection would look through all of it.
        gc.collect()
        gc.freeze()
        gc.enable()
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Look, once a second, for peers that have taken too long.

        End, too, when the database demands a newer version.
        """
        if counter % _TICKS_A_SECOND == 0:
            now = asyncio.get_running_loop().time()
            for each in list(self.server_state.connections):
                if isinstance(each, Connection):
                    each.look(now)
        self.superseded = self._app.superseded
        return bool(self.superseded) or await super().on_tick(counter)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._parent or 0)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.end_streams()
        loop = asyncio.get_running_loop()
        # Workers share the socket: whoever stands in line before it is taken up by another.
        late = [] if self._parent is not None else [c for s in sockets or () for c in _in_line(s)]
        taking_up = [loop.create_task(self._take_up(each)) for each in late]
        last = loop.call_later(GRACE_SECONDS, self._app.end_waiting)
        try:
            await super().shutdown(sockets)
        finally:
            last.cancel()
            for each in taking_up:
                each.cancel()

    async def _take_up(self, accepted: socket.socket) -> None:
        state = {"server_state": self.server_state, "app_state": self.lifespan.state}
        connecting: Callable[..., Connection] = self.config.http_protocol_class  # type: ignore[assignment]  # it is ours
        made = partial(connecting, config=self.config, **state)
        loop = asyncio.get_running_loop()
        _, connection = await loop.connect_accepted_socket(made, accepted)
        connection.shutdown()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in order; a signal that asked for that is not raised again afterwards."""
        super().handle_exit(sig, frame)
        self._captured_signals.clear()


def _in_line(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept whoever has connected and would be cut off as the listening socket closes."""
    listener.setblocking(False)
    with suppress(OSError):
        while True:
            accepted, _ = listener.accept()
            accepted.setblocking(False)
            yield accepted
