"""Sign-in by a provider in a real browser: the buttons, there and back, and what is linked."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest
from playwright.sync_api import Browser, expect

from counterfoil.server.opening import REAL
from tests.browser.person import EMAIL, Person
from tests.examples.demonstration import Demonstration
from tests.upstreams import CLIENT_ID, CLIENT_SECRET, Upstream, upstream

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(300)]


@contextmanager
def in_a_thread() -> Iterator[Upstream]:
    """A provider that answers while this thread drives a browser."""
    ready, over, made = threading.Event(), threading.Event(), list[Upstream]()

    async def serve() -> None:
        async with upstream(Upstream, REAL.clock) as it:
            made.append(it)
            ready.set()
            await anyio.to_thread.run_sync(over.wait)

    thread = threading.Thread(target=anyio.run, args=(serve,))
    thread.start()
    assert ready.wait(20)
    try:
        yield made[0]
    finally:
        over.set()
        thread.join()


def add_provider(run: Demonstration, theirs: Upstream) -> None:
    start = "from counterfoil.cli import main; main()"
    named = ("--name", "Example", "--issuer", theirs.issuer, "--client-id", CLIENT_ID)
    words = ("provider", "add", "oidc", *named, "--secret-stdin", "--data", str(run.data))
    subprocess.run(
        [sys.executable, "-c", start, *words],
        input=CLIENT_SECRET,
        text=True,
        check=True,
        capture_output=True,
    )


def test_an_account_elsewhere_is_linked_signs_in_and_is_unlinked(
    chromium: Browser, run: Demonstration
):
    """Without scripts, by keyboard where it matters; axe finds nothing."""
    with in_a_thread() as theirs:
        add_provider(run, theirs)
        theirs.sign_in("ada-there", name="Ada at Example")
        person = Person(chromium.new_context(java_script_enabled=False), run)
        page = person.page
        page.goto(f"{run.issuer}/sign-in?next=providers")
        expect(page.get_by_role("link", name="Sign in with Example")).to_be_visible()
        person.sign_in()
        page.get_by_role("link", name="Link an account at Example").click()
        expect(page.get_by_role("heading", name="Link an account at Example")).to_be_visible()
        page.get_by_role("button", name="Link it").click()
        expect(page.get_by_text("Example: Ada at Example")).to_be_visible()

        looking = Person(chromium.new_context(), run)
        looking.page.goto(f"{run.issuer}/sign-in")
        assert looking.look("sign-in-with-provider") == []
        looking.page.get_by_role("link", name="Sign in with Example").focus()
        looking.page.keyboard.press("Enter")
        expect(looking.page.get_by_text(EMAIL).first).to_be_visible()
        looking.page.goto(f"{run.issuer}/account/providers")
        assert looking.look("accounts-elsewhere") == []
        looking.page.get_by_role("link", name="Link an account at Example").click()
        assert looking.look("link-an-account") == []

        page.get_by_role("button", name="Unlink").click()
        expect(page.get_by_text("Example: Ada at Example")).to_be_hidden()
        looking.page.goto(f"{run.issuer}/account/apps")
        expect(looking.page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert person.complaints == []
        assert looking.complaints == []
