"""Other programs of this machine, and pages in any browser, at the port where a sign-in is awaited.

RFC 8252 §8: what is not the answer to this very sign-in must neither be used nor end the wait.
"""

import socket
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from counterfoil.client import Client, NotTrusted
from counterfoil.client import terminal as signing_in
from counterfoil.net.loopback import Loopback
from tests.attacks.hostile import Hostile, hostile

pytestmark = pytest.mark.one_engine("no server of ours is there")

STATE = "the-state-of-this-sign-in"


@pytest.fixture
def waiting() -> Iterator[Loopback]:
    with Loopback() as it:
        it.expect(STATE)
        yield it


def send(loopback: Loopback, query: str, method: str = "GET", **headers: str) -> int:
    with httpx2.Client(trust_env=False) as program:
        url = f"{loopback.redirect_uri}?{query}"
        return program.request(method, url, headers=headers).status_code


def is_still_waiting(loopback: Loopback) -> bool:
    with pytest.raises(TimeoutError):
        loopback.wait(0)
    return send(loopback, f"code=mine&state={STATE}") == 200 and "mine" in loopback.wait(5)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=stolen",
        "code=stolen&state=",
        "code=stolen&state=guess",
        f"code=stolen&state={STATE}x",
        f"code=stolen&state={STATE[:-1]}",
        f"code=stolen&state={STATE}&state=guess",
        f"code=stolen&state={STATE}&state={STATE}",
        "error=access_denied",
        "error=access_denied&state=guess",
        f"code=stolen&%73tate={STATE}&state=guess",
        "code=stolen&state=%00%ff",
    ],
)
def test_a_code_without_the_state_neither_counts_nor_ends_the_wait(waiting: Loopback, query: str):
    """RFC 9700 §4.7: injected by a program, or by a page that sends the browser here."""
    assert send(waiting, query) == 404
    assert is_still_waiting(waiting)


def test_a_second_answer_is_too_late(waiting: Loopback):
    """One request only: whoever saw the state in a history changes nothing any more."""
    assert send(waiting, f"code=mine&state={STATE}") == 200
    assert send(waiting, f"code=stolen&state={STATE}") == 404
    assert "mine" in waiting.wait(5)
    with pytest.raises(TimeoutError):
        waiting.wait(0)


def test_of_many_at_once_one_counts(waiting: Loopback):
    statuses: list[int] = []
    start = threading.Barrier(8)

    def come(number: int) -> None:
        start.wait()
        statuses.append(send(waiting, f"code=c{number}&state={STATE}"))

    threads = [threading.Thread(target=come, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [404] * 7


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "evil.example:80"])
def test_a_page_that_rebinds_its_name_to_this_machine_is_not_heard(waiting: Loopback, host: str):
    """DNS rebinding: the browser then says another host."""
    assert send(waiting, f"code=stolen&state={STATE}", Host=host) == 404
    assert is_still_waiting(waiting)


def test_other_paths_and_methods_are_not_heard(waiting: Loopback):
    assert send(waiting, f"code=stolen&state={STATE}", "POST") == 501
    port = urlsplit(waiting.redirect_uri).port
    with httpx2.Client(trust_env=False) as program:
        for path in ("/", "/callback/", "/callback/../callback/x", "/CALLBACK"):
            url = f"http://127.0.0.1:{port}{path}?code=stolen&state={STATE}"
            assert program.get(url).status_code == 404
    assert is_still_waiting(waiting)


def test_before_a_sign_in_has_begun_nothing_counts():
    with Loopback() as early:
        assert send(early, "code=stolen&state=") == 404
        assert send(early, "code=stolen") == 404
        early.expect(STATE)
        assert is_still_waiting(early)


@pytest.mark.parametrize(
    "rubbish", [b"\x00" * 100, b"GET " + b"a" * 70_000, b"GET / HTTP/9\r\n\r\n"]
)
def test_rubbish_ends_nothing(waiting: Loopback, rubbish: bytes):
    port = urlsplit(waiting.redirect_uri).port or 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(rubbish)
        connection.shutdown(socket.SHUT_WR)
        while True:
            try:
                if not connection.recv(4096):
                    break
            except ConnectionResetError:
                break
    assert is_still_waiting(waiting)


def test_nobody_outside_this_machine_can_connect(waiting: Loopback):
    """RFC 8252 §8.3: not on every interface."""
    port = urlsplit(waiting.redirect_uri).port or 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port), 1)


@pytest.fixture
def server() -> Iterator[Hostile]:
    with hostile() as it:
        it.publish()
        yield it


def test_the_right_state_from_another_issuer_is_a_mix_up(
    server: Hostile, monkeypatch: pytest.MonkeyPatch
):
    """RFC 9207 §2.4: a code of somebody else's server is sent nowhere."""

    def answer(url: str) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        said = {"code": "c", "state": asked["state"], "iss": "https://evil.example"}
        with httpx2.Client(trust_env=False) as browser:
            browser.get(f"{asked['redirect_uri']}?{urlencode(said)}")

    monkeypatch.setattr(signing_in, "open_browser", lambda _: None)
    with Client(server.url, "cli") as client, pytest.raises(NotTrusted, match="another issuer"):
        client.sign_in("openid", tell=answer)
    assert "/token" not in server.paths
