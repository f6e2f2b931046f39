"""Signing in from a terminal, with a real server and somebody at the browser of this machine."""

import asyncio
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator

import pytest

from counterfoil.client import AsyncClient, Client, Refused, terminal
from tests.interop.serving import EMAIL, SCOPE, Serving, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as it:
        it.register(
            "cli", "--redirect-uri", "http://127.0.0.1/callback", "--scope", SCOPE, "--public"
        )
        yield it


class Browser(webbrowser.BaseBrowser):
    """The browser of this machine, as the module webbrowser knows them: it goes its own way."""

    def __init__(self, visit: Callable[[str], object]) -> None:
        super().__init__("test")
        self._visit = visit
        self.opened: list[threading.Thread] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        del new, autoraise
        thread = threading.Thread(target=self._visit, args=(url,))
        thread.start()
        self.opened.append(thread)
        return True


def use(monkeypatch: pytest.MonkeyPatch, visit: Callable[[str], object]) -> Browser:
    browser = Browser(visit)
    monkeypatch.setattr(webbrowser, "_browsers", {})
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    webbrowser.register("test", None, browser, preferred=True)
    return browser


def allow(server: Serving, url: str) -> None:
    """Sign in, allow, and follow the redirect back to the terminal."""
    import httpx2

    with httpx2.Client(trust_env=False) as browser:
        assert "You may close this page" in browser.get(server.allow(url)).text


def test_a_person_signs_in_by_the_browser_of_this_machine(
    server: Serving, monkeypatch: pytest.MonkeyPatch
):
    """RFC 8252 §7.3, S116: no cookie, no secret, any free port; and the URL is told too."""
    browser, told = use(monkeypatch, lambda url: allow(server, url)), []
    with Client(server.issuer, "cli") as client:
        tokens = client.sign_in(SCOPE, tell=told.append)
        assert tokens.identity is not None
        assert tokens.identity.email == EMAIL
        client.revoke(tokens.refresh_token or "")
    assert told[0].startswith(f"{server.issuer}/authorize?")
    for thread in browser.opened:
        thread.join()


@pytest.mark.anyio
async def test_async_code_goes_the_same_way(server: Serving, monkeypatch: pytest.MonkeyPatch):
    browser, told = use(monkeypatch, lambda url: allow(server, url)), []
    async with AsyncClient(server.issuer, "cli") as client:
        tokens = await client.sign_in(SCOPE, resource="https://notes.example", tell=told.append)
        assert tokens.identity is not None
        await client.revoke(tokens.refresh_token or "")
    assert "resource=https%3A%2F%2Fnotes.example" in told[0]
    for thread in browser.opened:
        thread.join()


def test_whoever_does_not_come_back_is_told(server: Serving, monkeypatch: pytest.MonkeyPatch):
    use(monkeypatch, lambda _: None)
    with Client(server.issuer, "cli") as client, pytest.raises(Refused, match="nobody came back"):
        terminal.sign_in(client, SCOPE, lambda _: None, within=0.05)


def test_a_machine_without_a_browser_goes_on_by_the_url(
    server: Serving, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(webbrowser, "_browsers", {})
    monkeypatch.setattr(webbrowser, "_tryorder", [])

    def tell(url: str) -> None:
        allow_later = threading.Thread(target=allow, args=(server, url))
        allow_later.start()

    with Client(server.issuer, "cli") as client:
        tokens = client.sign_in(SCOPE, tell=tell)
        client.revoke(tokens.refresh_token or "")


def test_whoever_gives_up_is_not_waited_for(server: Serving, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C: a thread that waited on would keep the program from ending, for five minutes."""
    use(monkeypatch, lambda _: None)

    async def give_up() -> None:
        me = asyncio.current_task()
        assert me is not None
        async with AsyncClient(server.issuer, "cli") as client:
            later = asyncio.get_running_loop().call_later
            await client.sign_in(SCOPE, tell=lambda _: later(0.1, me.cancel))

    begun = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(give_up())
    assert time.monotonic() - begun < 60
