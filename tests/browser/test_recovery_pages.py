"""A person forgets their password and gets back in: every page of it, narrow and wide."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.person import EMAIL, Person
from tests.examples.demonstration import Demonstration

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(300)]

NEW = "a password of her own"
Look = Callable[[str], None]


def press(page: Page, name: str) -> None:
    """Go to a link or a button with the tabulator, and press it."""
    wanted = page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name))
    for _ in range(12):
        page.keyboard.press("Tab")
        if wanted.evaluate("each => each === document.activeElement"):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} was not reached by keyboard")


def look_at_nothing(_: str) -> None:
    """Without scripts axe cannot look."""


def ask(page: Page, look: Look) -> None:
    """From the sign-in page to the mail, and to where its link leads."""
    look("sign-in-recovery")
    press(page, "Forgotten your password?")
    expect(page.get_by_role("heading", name="Forgotten password")).to_be_visible()
    look("forgotten")
    page.get_by_label("Email").fill(EMAIL)
    press(page, "Send me a link")
    expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text(EMAIL)
    look("link-sent")


def follow(page: Page, issuer: str, look: Look) -> None:
    """The mail is there within a moment."""
    page.goto(f"{issuer}/development/mail")
    while page.get_by_role("link", name="Follow the link").count() == 0:
        page.reload()
    expect(page.get_by_role("heading", name="Choose a new password")).to_be_visible()
    look("caught-mail")
    page.get_by_role("link", name="Follow the link").click()
    expect(page).to_have_url(f"{issuer}/new-password")
    expect(page.get_by_role("heading", name="New password", exact=True)).to_be_visible()
    look("new-password")


def choose(page: Page, look: Look) -> None:
    """Mistyped first, then right."""
    page.get_by_label("New password, at least 8 characters").fill(NEW)
    page.get_by_label("New password again").fill("something else")
    press(page, "Set the new password")
    expect(page.get_by_role("alert")).to_contain_text("not the same")
    look("new-password-wrong")
    page.get_by_label("New password, at least 8 characters").fill(NEW)
    page.get_by_label("New password again").fill(NEW)
    press(page, "Set the new password")
    expect(page.get_by_role("heading", name="You have a new password")).to_be_visible()
    look("new-password-done")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_forgotten_password_is_made_good(chromium: Browser, run: Demonstration, scripts: bool):
    """By keyboard, and nothing for axe to find; no address that is shown has the token."""
    person = Person(chromium.new_context(java_script_enabled=scripts), run)
    page, addresses, wrong = person.page, list[str](), list[str]()
    page.on("framenavigated", lambda frame: addresses.append(frame.url))
    look = (lambda name: wrong.extend(person.look(name))) if scripts else look_at_nothing
    page.goto(f"{run.issuer}/sign-in")
    ask(page, look)
    follow(page, run.issuer, look)
    choose(page, look)
    page.goto(f"{run.issuer}/new-password")
    expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    look("link-over")
    page.goto(f"{run.issuer}/sign-in")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(re.compile("/account/apps"))
    assert f"{run.issuer}/new-password" in addresses
    assert not [each for each in addresses if "token" in each]
    assert wrong == []
    assert person.complaints == []
