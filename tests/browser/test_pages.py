"""Every page that a newcomer meets: nothing for axe to find, in light and dark, narrow and wide."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import Person
from tests.examples.demonstration import Demonstration

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(300)]


def test_every_page_of_the_line_is_good_for_everyone(chromium: Browser, run: Demonstration):
    """WCAG up to AAA by axe-core, at 360 and 1200 pixels, and not a word in the console."""
    person = Person(chromium.new_context(), run)
    page, wrong = person.page, []

    def look(name: str) -> None:
        wrong.extend(person.look(name))

    page.goto(run.web)
    look("web-welcome")
    person.open_the_app()
    look("sign-in")
    person.sign_in("wrong")
    look("sign-in-wrong")
    person.sign_in()
    look("consent")
    page.get_by_label("For how long").select_option(label="One week")
    person.allow("Read your notes", "Change your notes")
    look("web-nothing")
    page.get_by_role("link", name="Let it ask you again").click()
    person.allow("Read your notes")
    look("web-insufficient")
    page.get_by_role("link", name="Let it ask you again").click()
    look("consent-again")
    expect(page.get_by_label("For how long")).to_have_value("as_before")
    person.allow("Change your notes")
    look("web-notes-read-only")
    page.get_by_role("link", name="Let it ask you again").click()
    person.allow()
    person.write("Call the plumber about the tap in the kitchen")
    look("web-notes")
    page.goto(run.issuer)
    look("home")
    person.open_my_account()
    look("apps")
    look_around_the_account(person, look)
    page.goto(f"{run.issuer}/account/apps")
    look("apps-removed")
    person.see_refusal("revoked")
    look("web-refused")
    page.goto(f"{run.issuer}/logout")
    look("logout")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/signed-out"))
    look("signed-out")
    page.goto(f"{run.issuer}/authorize?client_id=nobody")
    look("error")
    page.goto(f"{run.web}/sign-in")
    person.sign_in()
    page.get_by_role("button", name="allow").filter(has_text="Don").click()
    look("web-denied")
    assert wrong == []
    assert person.complaints == []


def look_around_the_account(person: Person, look: Callable[[str], None]) -> None:
    """Every page that asks before it ends, and what it says afterwards."""
    page = person.page
    look_at_an_explanation(person, look)
    page.get_by_role("link", name="Profile").click()
    look("profile")
    page.get_by_label("Name that apps").fill("Ada King")
    page.get_by_role("button", name="Save").click()
    look("profile-saved")
    page.get_by_role("link", name="Security").click()
    look("security")
    page.get_by_role("link", name="Change your password").click()
    look("password")
    page.get_by_label("Your present password").fill("wrong")
    for label in ("New password, at least", "New password again"):
        page.get_by_label(label).fill("a password of her own")
    page.get_by_role("button", name="Change password").click()
    look("password-wrong")
    page.get_by_role("link", name="Activity").click()
    look("activity")
    page.get_by_role("link", name="This was not me").first.click()
    look("not-me")
    page.goto(f"{person.run.issuer}/account/data")
    look("own-data")
    page.goto(f"{person.run.issuer}/account/delete")
    look("delete-account")
    page.get_by_role("link", name="Devices").click()
    look("devices")
    page.get_by_role("link", name="Sign out everywhere else").click()
    look("end-others")
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("link", name="Sign this browser out").first.click()
    look("end-browser")
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("link", name="End everything").click()
    look("end-everything")
    person.open_my_account()
    expect(page.locator("summary")).to_contain_text(re.compile(r"Ends on .+ UTC"))
    page.get_by_role("link", name="Remove this app").click()
    look("end-app")
    page.get_by_role("button", name="Remove this app").click()
    look("ended")
    page.go_back()
    page.reload()
    look("end-nothing")


def look_at_an_explanation(person: Person, look: Callable[[str], None]) -> None:
    """The page that says why a token is refused, before and after the question."""
    page, account = person.page, person.page.url
    page.goto(f"{person.run.issuer}/account/explain")
    look("explain")
    page.get_by_label("Token or fingerprint").fill("nothing of mine")
    page.get_by_role("button", name="Explain").click()
    look("explained")
    page.goto(account)
