"""A second factor in a real browser: set up, used, recovered from; by keyboard, for axe."""

import time

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import Person
from tests.examples.demonstration import Demonstration
from tests.second_factors import code_of, key_in

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(300)]


def secret_in(page: str) -> bytes:
    from base64 import b32decode

    key = key_in(page)
    return b32decode(key + "=" * (-len(key) % 8))


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_second_factor_is_set_up_and_used(chromium: Browser, run: Demonstration, scripts: bool):
    """S105, WCAG up to AAA by axe-core."""
    person = Person(chromium.new_context(java_script_enabled=scripts), run)
    page, wrong = person.page, []

    def look(name: str) -> None:
        if scripts:
            wrong.extend(person.look(name))

    page.goto(f"{run.issuer}/sign-in?next=security")
    person.sign_in()
    look("security-off")
    page.get_by_role("link", name="Set an app up").click()
    secret = secret_in(page.content())
    now = int(time.time()) // 30
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    look("authenticator-new")
    page.get_by_label("Code that the app shows now").fill("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That did not work")
    look("authenticator-wrong")
    expect(page.get_by_label("Code that the app shows now")).to_be_focused()
    page.keyboard.type(code_of(secret, now))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    look("recovery-codes")
    codes = page.get_by_role("listitem").all_inner_texts()
    assert len(codes) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 of 10 are left")).to_be_visible()
    look("security-on")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{run.issuer}/sign-in?next=security")
    person.sign_in()
    expect(page.get_by_label("Code of your authenticator app")).to_be_focused()
    look("second-factor")
    page.keyboard.type(code_of(secret, now))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("good once")
    look("second-factor-wrong")
    page.get_by_text("Use a recovery code").click()
    page.get_by_label("Recovery code").fill(codes[0].lower())
    look("second-factor-recovery")
    page.get_by_role("button", name="Use this code").click()
    expect(page.get_by_text("9 of 10 are left")).to_be_visible()
    page.get_by_role("link", name="Switch the app off").click()
    look("second-factor-off")
    page.get_by_role("button", name="Switch the app off").click()
    expect(page.get_by_role("link", name="Set an app up")).to_be_visible()
    assert wrong == []
    assert [each for each in person.complaints if each] == []
