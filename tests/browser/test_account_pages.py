"""My account by keyboard alone and without scripts: something was not me, and then I leave."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import EMAIL, Person
from tests.examples.demonstration import Demonstration

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
NEW = "a password of her own"


def test_by_keyboard_and_without_scripts(chromium: Browser, run: Demonstration):
    context = chromium.new_context(java_script_enabled=False)
    person = Person(context, run)
    page = person.page
    page.goto(f"{run.issuer}/sign-in")
    person.sign_in()
    page.goto(f"{run.issuer}/account/activity")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.get_by_role("link", name="This was not me").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your present password")).to_be_focused()
    page.keyboard.type(run.passwords[EMAIL])
    for _ in range(2):
        page.keyboard.press("Tab")
        page.keyboard.type(NEW)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Only this browser is signed in now")).to_be_visible()
    page.goto(f"{run.issuer}/account/profile")
    page.get_by_role("link", name="Delete my account").focus()
    page.keyboard.press("Enter")
    page.get_by_label("type the email address").focus()
    page.keyboard.type(EMAIL)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The account is deleted")).to_be_visible()
    page.goto(f"{run.issuer}/account/profile")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert person.complaints == []
