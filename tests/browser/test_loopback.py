"""Signing in from a terminal by a real browser, which connects ahead and asks for icons."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

import pytest
from playwright.sync_api import Browser, expect

from counterfoil.client import Client, terminal
from tests.interop.serving import EMAIL, PASSWORD, SCOPE, Serving, serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as it:
        it.register(
            "cli", "--redirect-uri", "http://127.0.0.1/callback", "--scope", SCOPE, "--public"
        )
        yield it


def test_the_browser_comes_back_to_the_terminal(
    server: Serving, chromium: Browser, monkeypatch: pytest.MonkeyPatch
):
    """RFC 8252 §7.3, S116: the page says that it may be closed, and the terminal goes on."""
    monkeypatch.setattr(terminal, "open_browser", lambda _: None)
    told: Queue[str] = Queue()
    with Client(server.issuer, "cli") as client, ThreadPoolExecutor(1) as beside:
        signing_in = beside.submit(client.sign_in, SCOPE, tell=told.put)
        page = chromium.new_page()
        page.goto(told.get(timeout=20))
        page.get_by_label("Email").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("button", name="Allow", exact=True).click()
        expect(page.get_by_role("heading")).to_have_text("You may close this page")
        tokens = signing_in.result(20)
        assert tokens.identity is not None
        assert tokens.identity.email == EMAIL
        client.revoke(tokens.refresh_token or "")
        page.close()
