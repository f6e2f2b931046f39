"""A person at a browser, who goes the whole line of ``make run``, and what they look at."""

import os
import re
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.conftest import NODE_MODULES
from tests.examples.demonstration import Demonstration

EMAIL = "ada@example.com"
TAGS = ["wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERYTHING = {"type": "tag", "values": TAGS}
CONTRAST = {"type": "rule", "values": ["color-contrast", "color-contrast-enhanced"]}
_RUN = "asked => axe.run(document, {runOnly: asked, resultTypes: ['violations']})"
"""What is right need not be told at length."""
SHOTS = "SHOTS"
"""An environment variable: the directory that screenshots go to, if there is one."""
_AXE = NODE_MODULES / "axe-core" / "axe.min.js"
_EXPECTED = re.compile(
    r"Failed to load resource: the server responded with a status of 4(0[0134]|10)"
    r"|Autofocus processing was blocked"  # who is quick types before the page puts the cursor
)
_TORN = """[...document.querySelectorAll("button, .button, nav a, label, h1, h2")].flatMap(each => {
    const torn = [], words = /[\\p{L}\\p{N}]+/gu, names = /[\\p{L}\\p{N}_-]{31,}/gu;
    const without = text => text.replace(names, name => " ".repeat(name.length));
    const texts = document.createTreeWalker(each, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) for (const word of without(texts.currentNode.data).matchAll(words)) {
        const range = document.createRange();
        range.setStart(texts.currentNode, word.index);
        range.setEnd(texts.currentNode, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
        if (lines.size > 1) torn.push(word[0]);
    }
    return torn;
})"""
"""Words of what is pressed, named or read first that stand in more than one line.

The name of a key is longer than any word, with hyphens or without, and no line of a phone holds it.
"""


class Person:
    """Somebody with a browser and the page that ``make run`` printed."""

    def __init__(self, context: BrowserContext, run: Demonstration) -> None:
        self.run = run
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._hear(message.text))
        self.page.on("pageerror", lambda error: self._hear(str(error)))
        self.page.set_default_timeout(15_000)

    def _hear(self, text: str) -> None:
        if not _EXPECTED.match(text):
            self.complaints.append(f"{text} ({self.page.url})")

    def open_the_app(self) -> None:
        self.page.goto(self.run.web)
        self.page.get_by_role("link", name="Sign in").click()
        expect(self.page).to_have_url(re.compile(re.escape(self.run.issuer) + "/sign-in"))

    def sign_in(self, password: str | None = None) -> None:
        # Nobody types before the page has put the cursor where it wants it.
        expect(self.page.locator("[autofocus]")).to_be_focused()
        self.page.get_by_label("Email").fill(EMAIL)
        self.page.get_by_label("Password").fill(password or self.run.passwords[EMAIL])
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def allow(self, *without: str) -> None:
        for permission in without:
            self.page.locator("label", has_text=permission).click()
            expect(self.page.get_by_label(permission)).not_to_be_checked()
        self.page.get_by_role("button", name="Allow", exact=True).click()
        expect(self.page).to_have_url(f"{self.run.web}/")

    def write(self, note: str) -> None:
        self.page.get_by_label("A new note").fill(note)
        self.page.get_by_role("button", name="Add it").click()

    def open_my_account(self) -> None:
        self.page.goto(self.run.issuer)
        self.page.get_by_role("link", name="apps").first.click()
        self.page.locator("summary").first.click()

    def see_notes(self) -> None:
        self.page.goto(self.run.web)
        expect(self.page.get_by_role("heading", name="Your notes", exact=True)).to_be_visible()

    def see_refusal(self, reason: str) -> None:
        self.page.goto(self.run.web)
        expect(self.page.locator(".stamp")).to_have_text(re.compile(f"Refused\\s+{reason}"))

    def sign_out(self) -> None:
        self.page.get_by_role("button", name="Sign out", exact=True).click()
        expect(self.page.get_by_role("link", name="Sign in")).to_be_visible()

    def look(self, name: str) -> list[str]:
        """Look at the page, narrow in light and wide in dark; give what is wrong with it."""
        wrong = []
        # A click returns when another page is on its way, which may not be there yet.
        expect(self.page.locator("body")).to_be_attached()
        self.page.wait_for_load_state()
        self._bring_axe()
        for width, height, scheme in ((360, 740, "light"), (1200, 820, "dark")):
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            beyond = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if beyond > 0:
                wrong.append(f"{name} at {width} px: {beyond} px wider than the window")
            torn = self.page.evaluate(_TORN)
            wrong += [f"{name} at {width} px: {word!r} is torn apart" for word in torn]
            # The document is the same in both; what differs is how much stands out.
            asked = EVERYTHING if scheme == "light" else CONTRAST
            wrong += [f"{name} at {width} px, {scheme}: {each}" for each in self._found(asked)]
            self._photograph(name, width)
        return wrong

    def _bring_axe(self) -> None:
        """Once for all that this page will show: to send it takes as long as what it does."""
        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(_AXE.read_text())
            self.page.add_init_script(path=_AXE)

    def _photograph(self, name: str, width: int) -> None:
        if not os.environ.get(SHOTS):
            return
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            path = Path(os.environ[SHOTS]) / f"{name}-{width}-{scheme}.png"
            self.page.screenshot(path=path, full_page=True)

    def _found(self, asked: dict[str, object]) -> list[str]:
        found = self.page.evaluate(_RUN, asked)
        return [
            f"{each['id']}: {node['html'][:120]}: {node['failureSummary'][-200:]}"
            for each in found["violations"]
            for node in each["nodes"]
        ]
