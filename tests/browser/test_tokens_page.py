"""A person makes a token by hand and ends it: by keyboard, without a script, and for axe (S11)."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.person import Person
from tests.examples.demonstration import Demonstration

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(300)]


def tab_to(page: Page, name: str) -> None:
    """Go on by the keyboard until what has this name has the focus."""
    wanted = page.get_by_role("checkbox", name=name).or_(page.get_by_role("button", name=name))
    for _ in range(20):
        page.keyboard.press("Tab")
        if wanted.first.evaluate("it => it === document.activeElement"):
            return
    raise AssertionError(f"the keyboard does not reach {name}")


def make_by_keyboard(page: Page) -> str:
    """Fill in the form without the mouse; gives the token that is shown."""
    expect(page.get_by_label("Its name")).to_be_focused()
    page.keyboard.type("Nightly backup of all my notes, from the machine in the cellar")
    tab_to(page, "Read your notes")
    page.keyboard.press("Space")
    page.get_by_label("From which addresses").fill("192.0.2.0/24 2001:db8::/32")
    tab_to(page, "Make this token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your new token")).to_be_visible()
    return page.get_by_label("Token", exact=True).input_value()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_token_is_made_and_ended_at_every_width(
    chromium: Browser, run: Demonstration, scripts: bool
):
    """S11, WCAG up to AAA by axe-core."""
    run.counterfoil("api", "update", "https://notes.example", "--policy", "personal_tokens=true")
    person = Person(chromium.new_context(java_script_enabled=scripts), run)
    page, wrong = person.page, []

    def look(name: str) -> None:
        if scripts:
            wrong.extend(person.look(name))

    page.goto(f"{run.issuer}/sign-in")
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Password").fill(run.passwords["ada@example.com"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Tokens").click()
    look("tokens-none")
    page.get_by_role("link", name="Make a token").click()
    look("token-new")
    page.reload()
    token = make_by_keyboard(page)
    assert re.fullmatch(r"cfpt_[A-Za-z0-9_-]{43}-[0-9a-f]{8}", token)
    look("token-made")
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_text("Never used")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text(token)
    look("tokens")
    page.get_by_role("link", name="Make a token").click()
    page.get_by_label("Its name").fill("Too wide")
    page.get_by_label("From which addresses").fill("everywhere")
    page.get_by_role("button", name="Make this token").click()
    expect(page.get_by_role("alert")).to_contain_text("one permission")
    look("token-wrong")
    page.get_by_role("link", name="Make none").click()
    page.get_by_role("link", name="End this token").click()
    look("token-end")
    page.get_by_role("button", name="End this token").click()
    expect(page.get_by_text("1 personal token ended.")).to_be_visible()
    page.get_by_role("link", name="Back to my account").click()
    expect(page.get_by_text("Ended on")).to_be_visible()
    expect(page.get_by_role("link", name="End this token")).to_have_count(0)
    look("tokens-ended")
    assert wrong == []
    assert person.complaints == []
