"""The single-page app beside ``make run``, and what the handbook says of such apps."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.architecture.sources import ROOT
from tests.bff.shop import OWN
from tests.examples.demonstration import Demonstration, demonstration
from tests.interop.serving import allowed

HOW_TO = ROOT / "docs" / "how-to" / "keep-tokens-out-of-the-browser.md"
EMAIL = "ada@example.com"
READY_WITHIN = 60


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    with demonstration(tmp_path_factory.mktemp("run") / "data") as it:
        yield it


@pytest.fixture(scope="module")
def spa(run: Demonstration) -> Iterator[str]:
    """Its address, as the one command prints it."""
    command = [sys.executable, "examples/bff/run.py", "--port", str(run.port)]
    process = subprocess.Popen(
        [*command, "--data", str(run.data)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    watchdog = threading.Timer(READY_WITHIN, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
        assert line, "it did not start"
        address = line.split()[-1]
        transport = httpx2.HTTPTransport(retries=20)
        with httpx2.Client(transport=transport, trust_env=False) as browser:
            browser.get(address)
        yield address
    finally:
        watchdog.cancel()
        process.terminate()
        process.communicate(timeout=20)


def test_one_command_serves_the_app_beside_make_run(run: Demonstration, spa: str):
    """S102: sign in, call; over plain http the cookies say that they are not protected."""
    with (
        httpx2.Client(base_url=spa, trust_env=False) as app,
        httpx2.Client(base_url=run.issuer, trust_env=False) as server,
    ):
        page = app.get("/")
        assert '<script src="/app.js" defer></script>' in page.text
        assert "script-src" in page.headers["content-security-policy"] or (
            "default-src 'self'" in page.headers["content-security-policy"]
        )
        assert re.findall(r"<script(?! src)|<style| style=| on\w+=", page.text) == []
        begun = app.get("/bff/sign-in")
        back = allowed(server, begun.headers["location"], EMAIL, run.passwords[EMAIL])
        assert app.get(back).headers["location"] == "/"
        assert "insecure-bff-session" in app.cookies
        notes = app.get("/api/notes", headers=OWN | {"Origin": spa})
        assert notes.json()["notes"]


def test_the_handbooks_lines_make_an_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Both blocks as they stand; the first is the whole of what a user writes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "static").mkdir()
    blocks = re.findall(r"^```python\n(.*?)^```$", HOW_TO.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    statements = re.sub(r"\(\n.*?\n\)", "(...)", blocks[0], flags=re.DOTALL).splitlines()
    assert len([line for line in statements if line.strip()]) <= 9
    words: dict = {"secret": "s3cret"}
    for block in blocks:
        exec(block, words)
        assert type(words["app"]).__name__ == "BackendForFrontend"
