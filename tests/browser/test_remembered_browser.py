"""A remembered browser, in a real one without scripts: it comes back, and is forgotten (S24)."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from playwright.sync_api import Browser, expect

from tests.flows.serving import served_here
from tests.installation import EMAIL, PASSWORD, Installation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

DAY = 86_400


@contextmanager
def at_a_port(data: Path) -> Iterator[Installation]:
    """A server in a thread of its own, whose clock this test turns."""
    found: list[Installation] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        settings = {"remember_browsers": "90_days", "remember_behind_proof": False}
        async with served_here(data, **settings) as place:
            found.append(place)
            ready.set()
            await anyio.to_thread.run_sync(over.wait)

    thread = threading.Thread(target=anyio.run, args=(serve,))
    thread.start()
    try:
        assert ready.wait(30)
        yield found[0]
    finally:
        over.set()
        thread.join()


def test_it_comes_back_and_is_forgotten_without_any_script(chromium: Browser, tmp_path: Path):
    """S24: sign in and stay so; the session is over; come back; end it under Devices; be asked."""
    with at_a_port(tmp_path) as place:
        page = chromium.new_context(java_script_enabled=False).new_page()
        page.set_default_timeout(15_000)
        page.goto(f"{place.issuer}/sign-in")
        expect(page.get_by_text("It is remembered for 90 days")).to_be_visible()
        page.get_by_label("Email").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("label", has_text="Keep me signed in on this browser").click()
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(re.compile("/account/apps$"))

        place.clock.turn(40 * DAY)
        page.goto(f"{place.issuer}/account/apps")
        expect(page).to_have_url(re.compile("/account/apps$"))

        page.goto(f"{place.issuer}/account/devices")
        expect(page.get_by_text("Remembered until")).to_be_visible()
        page.get_by_role("link", name=re.compile("Sign this browser out")).click()
        page.get_by_role("button", name="Sign this browser out").click()
        expect(page.get_by_text("remembered no more")).to_be_visible()
        page.goto(f"{place.issuer}/account/apps")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
