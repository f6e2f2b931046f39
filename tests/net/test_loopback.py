"""Where the browser comes back to: what ends the wait, and what does not."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx2
import pytest

from counterfoil.net import loopback as module
from counterfoil.net.loopback import Loopback


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with Loopback() as it:
        it.expect("st4te")
        yield it


def get(loopback: Loopback, query: str, path: str = "/callback", **headers: str) -> httpx2.Response:
    port = urlsplit(loopback.redirect_uri).port
    with httpx2.Client(trust_env=False) as browser:
        return browser.get(f"http://127.0.0.1:{port}{path}?{query}", headers=headers)


def test_the_answer_ends_the_wait_and_the_page_may_be_closed(loopback: Loopback):
    """RFC 8252 §7.3."""
    page = get(loopback, "code=c0de&state=st4te")
    assert page.status_code == 200
    assert "You may close this page" in page.text
    assert loopback.wait(5) == "code=c0de&state=st4te"


def test_the_page_holds_nothing_that_came(loopback: Loopback):
    page = get(loopback, "code=%3Cscript%3Ec0de&state=st4te")
    assert "c0de" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_it_listens_on_this_machine_alone_and_each_time_elsewhere(loopback: Loopback):
    assert urlsplit(loopback.redirect_uri).hostname == "127.0.0.1"
    with Loopback() as other:
        assert other.redirect_uri != loopback.redirect_uri


def test_nobody_can_be_waited_for_in_vain(loopback: Loopback):
    with pytest.raises(TimeoutError, match="nobody came back"):
        loopback.wait(0.01)


def test_a_connection_that_says_nothing_holds_nobody_up(loopback: Loopback):
    """Browsers open some ahead."""
    port = urlsplit(loopback.redirect_uri).port or 0
    with socket.create_connection(("127.0.0.1", port)):
        assert get(loopback, "code=c&state=st4te").status_code == 200
    assert loopback.wait(5)


def test_too_many_are_turned_away_and_others_come_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_MOST", 1)
    with Loopback() as it:
        it.expect("st4te")
        port = urlsplit(it.redirect_uri).port or 0
        with socket.create_connection(("127.0.0.1", port)) as first:
            first.sendall(b"GET / HTTP/1.1\r\n")
            with socket.create_connection(("127.0.0.1", port)) as second:
                assert second.recv(1) == b""
            first.sendall(f"Host: 127.0.0.1:{port}\r\n\r\n".encode())
            assert first.recv(12) == b"HTTP/1.0 404"
            while first.recv(4096):
                pass
        while True:
            try:
                assert get(it, "code=c&state=st4te").status_code == 200
            except httpx2.HTTPError:  # the first is still on its way out
                continue
            break
        assert it.wait(5)


def test_when_it_is_over_nobody_listens(loopback: Loopback):
    port = urlsplit(loopback.redirect_uri).port or 0
    with Loopback() as it:
        ended = urlsplit(it.redirect_uri).port or 0
    assert socket.create_connection(("127.0.0.1", port)).close() is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ended))


def test_the_end_frees_whoever_still_waits():
    with ThreadPoolExecutor() as threads:
        with Loopback() as loopback:
            waiting = threads.submit(loopback.wait, 60)
        with pytest.raises(TimeoutError, match="nobody listens"):
            waiting.result(30)
