"""Several server processes on one listening socket: started together, replaced, ended together."""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

import click

from counterfoil.cli.output import Failure

END_SECONDS: Final = 10
"""A worker that has not ended so long after it was told is killed."""
_TICK_SECONDS: Final = 0.1
_RESTART_SECONDS: Final = 1.0


class Workers:
    """Keeps a number of workers running until SIGINT or SIGTERM.

    A worker tells that it is ready by writing a byte to one pipe, and sees by the closing of the
    other that its parent has died. Ctrl-C reaches the parent alone.
    """

    def __init__(
        self, listener: socket.socket, environment: Mapping[str, str], ready: Callable[[], None]
    ) -> None:
        self._listener = listener
        self._environment = environment
        self._tell_ready = ready
        self._ready, self._ready_of_worker = os.pipe()
        self._alive_of_worker, self._alive = os.pipe()
        self._running: list[subprocess.Popen[bytes]] = []
        self._stopping = False

    def run(self, count: int) -> None:
        """Start the workers and look after them.

        Raises:
            Failure: one of them ended before all were ready.
        """
        before = {each: signal.signal(each, self._stop) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._running = [self._start() for _ in range(count)]
            self._await_ready(count)
            if not self._stopping:
                self._tell_ready()
            self._keep()
        finally:
            self._end()
            for each, handler in before.items():
                signal.signal(each, handler)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _start(self) -> subprocess.Popen[bytes]:
        ends = (self._listener.fileno(), self._ready_of_worker, self._alive_of_worker)
        return subprocess.Popen(  # noqa: S603 - this interpreter, and numbers
            [sys.executable, "-m", "counterfoil.cli.worker", *map(str, ends)],
            env=self._environment,
            pass_fds=ends,
            start_new_session=True,
        )

    def _await_ready(self, count: int) -> None:
        missing = count
        with selectors.DefaultSelector() as selector:
            selector.register(self._ready, selectors.EVENT_READ)
            while missing > 0 and not self._stopping:
                if selector.select(_TICK_SECONDS):
                    missing -= len(os.read(self._ready, missing))
                elif any(each.poll() is not None for each in self._running):
                    raise Failure("a worker ended before it was ready; its own words stand above")

    def _keep(self) -> None:
        while not self._stopping:
            time.sleep(_TICK_SECONDS)
            for index, worker in enumerate(self._running):
                if worker.poll() is not None and not self._stopping:
                    click.echo(f"counterfoil: worker {worker.pid} ended; another starts", err=True)
                    time.sleep(_RESTART_SECONDS)
                    self._running[index] = self._start()

    def _end(self) -> None:
        for worker in self._running:
            worker.terminate()
        until = time.monotonic() + END_SECONDS
        for worker in self._running:
            try:
                worker.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        for end in (self._ready, self._ready_of_worker, self._alive_of_worker, self._alive):
            os.close(end)
