"""Several server processes on one listening socket: started together, replaced, ended together."""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import click

from counterfoil.cli.output import Failure

END_SECONDS: Final = 10
"""A worker that has not ended so long after it was told is killed."""
SUPERSEDED: Final = 78
"""A worker ends so where the database demands a newer version: none may take its place."""
_TICK_SECONDS: Final = 0.1
_RESTART_SECONDS: Final = 1.0


class _Worker:
    """A process, and the end of a pipe on which it says that it is ready."""

    def __init__(self, process: subprocess.Popen[bytes], ready: int) -> None:
        self.process = process
        self.pid = process.pid
        self._ready = ready
        self._is_ready = False

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def is_ready(self, seconds: float) -> bool:
        """Whether it has said so by now, or says so within some seconds."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._ready, selectors.EVENT_READ)
            if not self._is_ready and selector.select(seconds):
                self._is_ready = os.read(self._ready, 1) != b""
        return self._is_ready

    def forget(self) -> None:
        """Let go of what is left of it."""
        os.close(self._ready)


class Workers:
    """Keeps a number of workers running until SIGINT or SIGTERM.

    SIGHUP replaces them, one after the other: the next is ready before one is told to end. A worker
    sees by the closing of a pipe that its parent has died. Ctrl-C reaches the parent alone.
    """

    def __init__(
        self, listener: socket.socket, environment: Mapping[str, str], ready: Callable[[], None]
    ) -> None:
        self._listener = listener
        self._environment = environment
        self._tell_ready = ready
        self._alive_of_worker, self._alive = os.pipe()
        self._running: list[_Worker] = []
        self._stopping = False
        self._replacing = False

    def run(self, count: int) -> None:
        """Start the workers and look after them.

        Raises:
            Failure: one of them ended before all were ready, or may serve no more.
        """
        handlers = {
            signal.SIGINT: self._stop,
            signal.SIGTERM: self._stop,
            signal.SIGHUP: self._replace_soon,
        }
        before = {each: signal.signal(each, handler) for each, handler in handlers.items()}
        try:
            self._running = [self._start() for _ in range(count)]
            if not all(self._await_ready(each) for each in self._running):
                raise Failure("a worker ended before it was ready; its own words stand above")
            if not self._stopping:
                self._tell_ready()
            self._keep()
        finally:
            self._end(self._running)
            os.close(self._alive_of_worker)
            os.close(self._alive)
            for each, handler in before.items():
                signal.signal(each, handler)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _replace_soon(self, *_: object) -> None:
        self._replacing = True

    def _start(self) -> _Worker:
        ready, ready_of_worker = os.pipe()
        ends = (self._listener.fileno(), ready_of_worker, self._alive_of_worker)
        process = subprocess.Popen(  # noqa: S603 - this interpreter, and numbers
            [sys.executable, "-m", "counterfoil.cli.worker", *map(str, ends)],
            env=self._environment,
            pass_fds=ends,
            start_new_session=True,
        )
        os.close(ready_of_worker)
        return _Worker(process, ready)

    def _await_ready(self, worker: _Worker) -> bool:
        """Whether it is ready; there is no need for it to be where all are to stop."""
        while not self._stopping:
            if worker.is_ready(_TICK_SECONDS):
                return True
            if worker.has_ended:
                return False
        return True

    def _keep(self) -> None:
        while not self._stopping:
            time.sleep(_TICK_SECONDS)
            for index, worker in enumerate(self._running):
                if worker.process.poll() == SUPERSEDED:
                    raise Failure("this version may serve no more; the log says why")
                if worker.has_ended and not self._stopping:
                    click.echo(f"counterfoil: worker {worker.pid} ended; another starts", err=True)
                    time.sleep(_RESTART_SECONDS)
                    worker.forget()
                    self._running[index] = self._start()
            if self._replacing:
                self._replacing = False
                self._replace()

    def _replace(self) -> None:
        """Let others take over. Where the first of them cannot, all stays as it is."""
        for index, before in enumerate(self._running):
            after = self._start()
            if not self._await_ready(after):
                after.forget()
                click.echo("counterfoil: the new worker ended; those before go on", err=True)
                return
            self._running[index] = after
            self._end([before])
            if self._stopping:
                return
        click.echo("counterfoil: every worker was replaced", err=True)

    def _end(self, workers: Sequence[_Worker]) -> None:
        for worker in workers:
            worker.process.terminate()
        until = time.monotonic() + END_SECONDS
        for worker in workers:
            try:
                worker.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            worker.forget()
