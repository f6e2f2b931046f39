"""A server is killed after a session has ended and before its app has heard: the next one tells it.

Whatever was acknowledged to the person who signed out reaches the app, and reaches it once.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from counterfoil.oauth import pkce
from tests.architecture.sources import ROOT
from tests.interop.serving import (
    CALLBACK,
    COMMAND,
    EMAIL,
    PASSWORD,
    READY_WITHIN,
    Serving,
    allowed,
)
from tests.receiving import POSTPONED, SERVED, Receiver, receiver

VERIFIER = "v" * 43


@contextmanager
def served(it: Serving, port: int = 0) -> Iterator[subprocess.Popen[str]]:
    """Serve until the end of the block, or until it is killed; its log is piped here."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--data", str(it.data), "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COUNTERFOIL_LOG_LEVEL": "debug"},
    )
    watchdog = threading.Timer(2 * READY_WITHIN, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
        assert line.startswith("Counterfoil serves "), line
        it.issuer = line.split()[2]
        yield process
    finally:
        watchdog.cancel()
        process.terminate()
        process.communicate(timeout=20)


def id_token_of(it: Serving, browser: httpx2.Client) -> str:
    """Sign in to the app that listens."""
    asked = {
        "response_type": "code",
        "client_id": "told",
        "redirect_uri": CALLBACK,
        "scope": "openid",
        "code_challenge": pkce.challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    back = allowed(browser, f"/authorize?{urlencode(asked)}", EMAIL, PASSWORD)
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(back).query)["code"][0],
        "code_verifier": VERIFIER,
        "redirect_uri": CALLBACK,
    }
    answer = browser.post("/token", data=form, auth=("told", it.secrets["told"]))
    return str(answer.json()["id_token"])


def await_in(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    assert any(words in line for line in process.stderr)


@pytest.fixture
def listening() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


def test_what_a_killed_server_has_not_told_the_next_one_tells_once(
    tmp_path: Path, listening: Receiver
):
    """S114."""
    it = Serving(tmp_path)
    it.add_person()
    it.register(
        "told", "--redirect-uri", CALLBACK, "--scope", "openid",
        "--backchannel-logout-uri", listening.url,
    )  # fmt: skip
    listening.status = 503
    with served(it) as first:
        with httpx2.Client(base_url=it.issuer, trust_env=False) as browser:
            hint = id_token_of(it, browser)
            answer = browser.get("/logout", params={"id_token_hint": hint})
            assert answer.status_code == 303
        await_in(first, POSTPONED)
        first.send_signal(signal.SIGKILL)
        first.wait()
    port = urlsplit(it.issuer).port
    assert port is not None
    before = len(listening.tokens)
    listening.status = 200
    with served(it, port) as second:
        for _ in range(before + 1):
            listening.next()
        await_in(second, SERVED)
    with served(it, port):
        # Another app hears at once what is new: then the first would have heard again, too.
        with httpx2.Client(base_url=it.issuer, trust_env=False) as browser:
            hint = id_token_of(it, browser)
            browser.get("/logout", params={"id_token_hint": hint})
        assert listening.next()
    told = listening.said[before:]
    assert len(told) == len(set(told)) == 2
