"""Apps under their real servers: ASGI under uvicorn, WSGI under Gunicorn."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import uvicorn

from tests.architecture.sources import ROOT

THREAD = "serving"


@contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    """A socket on which connections wait until somebody serves them, and its URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def under_uvicorn(app: Any, **options: Any) -> Iterator[str]:
    given = {"log_level": "critical", "loop": "asyncio", "lifespan": "on", **options}
    server = uvicorn.Server(uvicorn.Config(app, proxy_headers=False, **given))
    with listening() as (listener, url):
        thread = threading.Thread(target=server.run, args=([listener],), name=THREAD)
        thread.start()
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def under_gunicorn(target: str, *options: str, **environment: str) -> Iterator[str]:
    with listening() as (listener, url), gunicorn(listener, target, *options, **environment):
        yield url


@contextmanager
def gunicorn(
    listener: socket.socket, target: str, *options: str, **environment: str
) -> Iterator[None]:
    descriptor = listener.fileno()
    command = [sys.executable, "-m", "gunicorn", target, "--bind", f"fd://{descriptor}"]
    command += ["--worker-class", "gthread", "--threads", "4", "--log-level", "critical"]
    child = subprocess.Popen(
        [*command, *options], cwd=ROOT, env=os.environ | environment, pass_fds=[descriptor]
    )
    try:
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(10)


def client(url: str, **options: Any) -> httpx2.Client:
    return httpx2.Client(base_url=url, trust_env=False, timeout=20, **options)


def wait_until_heard(http: httpx2.Client, token: str) -> None:
    """On a busy machine an issuer may take longer than a guard waits for it at its start."""
    for _ in range(2000):
        answer = http.get("/notes", headers={"authorization": f"Bearer {token}"})
        if answer.status_code != 503:
            return
    raise AssertionError("the guard has never heard from its issuer")
