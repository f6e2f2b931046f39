"""The example of tickets, under a real server: by a client, and in a real browser."""

import asyncio
import json
import logging
import secrets
import socket
import threading
from collections.abc import Iterator
from typing import NamedTuple

import httpx2
import pytest
import uvicorn
from playwright.sync_api import sync_playwright
from websockets.sync.client import connect

from counterfoil.guard import Guard
from examples.tickets.app import options, tickets_app
from tests.browser.conftest import ARGUMENTS
from tests.conftest import CHROMIUM
from tests.guard.issuer import AUDIENCE, TinyIssuer


class Lines(logging.Handler):
    """The access log: who came to the example."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


class Site(NamedTuple):
    """The example at a port, with a token for it and its log."""

    url: str
    token: str
    log: Lines

    def ticket(self, url: str) -> str:
        """Ask for a ticket; gives the URL with it."""
        headers = {"authorization": f"Bearer {self.token}"}
        answer = httpx2.post(f"{self.url}/tickets", json={"url": url}, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        return str(answer.json()["url"])


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with TinyIssuer() as issuer, socket.socket() as listening:
        guard = Guard(issuer.url, audience=AUDIENCE, options=options(secrets.token_bytes(32)))
        listening.bind(("127.0.0.1", 0))
        log = Lines()
        logging.getLogger("uvicorn.access").addHandler(log)
        config = uvicorn.Config(tickets_app(guard), log_config=None, log_level="info")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        port = listening.getsockname()[1]
        assert guard.wait_until_fresh(10)
        yield Site(f"http://127.0.0.1:{port}", issuer.token(), log)
        server.should_exit = True
        thread.join()
        logging.getLogger("uvicorn.access").removeHandler(log)


def test_a_download_goes_on_where_it_was_cut(site: Site):
    """S73: one ticket serves HEAD, GET and the rest of a file, at its URL and at no other."""
    url = site.ticket("/report?year=2026")
    assert httpx2.get(url).text == "subject,year\nu1,2026\n"
    assert httpx2.head(url).status_code == 200
    assert httpx2.get(url, headers={"range": "bytes=0-6"}).status_code == 200
    assert httpx2.get(url.replace("2026", "2025")).json()["error_reason"] == "wrong_target"
    assert httpx2.get(url.replace("/report", "/picture")).status_code == 401
    answer = httpx2.get(url)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "private, no-store"


def test_a_stream_and_a_websocket_open(site: Site):
    assert httpx2.get(site.ticket("/events")).text == "data: an event\n\n"
    with connect(site.ticket("/live").replace("http", "ws", 1)) as live:
        assert live.recv() == "hello u1"


def test_the_servers_own_log_never_holds_a_ticket(site: Site):
    """The guard takes it out of what the server logs, refused or let pass."""
    url = site.ticket("/report?year=2026")
    before = len(site.log.said)
    assert httpx2.get(url).status_code == 200
    assert httpx2.get(url.replace("report", "picture")).status_code == 401
    said = [line for line in site.log.said[before:] if "year" in line]
    assert "/report?year=2026 " in said[0]
    assert "/picture?year=2026 " in said[1]
    assert "ticket=" not in json.dumps(site.log.said)


@pytest.mark.browser
def test_a_browser_shows_downloads_listens_and_talks(site: Site):
    """S73, in real Chromium: an ``<img>``, a link, an ``EventSource`` and a ``WebSocket``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        page.goto(f"{site.url}/#{site.token}")
        page.click("#show")
        page.wait_for_function("document.getElementById('socket').textContent === 'hello u1'")
        page.wait_for_function("document.getElementById('events').textContent === 'an event'")
        page.wait_for_function("document.getElementById('picture').naturalWidth === 40")
        with page.expect_download() as download:
            page.click("#download")
        assert download.value.path().read_text() == "subject,year\nu1,2026\n"
        assert site.token not in page.url
        page.goto(f"{site.url}/")
        page.click("#show")
        page.get_by_text("No ticket: ").wait_for()
        browser.close()
