"""The whole line of ``make run`` in Chromium: sign in, let in, use, take back, be refused."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import Person
from tests.examples.demonstration import Demonstration

pytestmark = pytest.mark.browser


def test_a_person_lets_an_app_in_and_takes_it_back(chromium: Browser, run: Demonstration):
    """S03, S10, S109: less than was asked, each of the three verbs, refused with the reason."""
    person = Person(chromium.new_context(), run)
    person.open_the_app()
    person.sign_in()
    person.allow("Change your notes")
    expect(person.page.locator(".notes li")).to_have_text(re.compile("Welcome"))
    expect(person.page.get_by_text("but not change them")).to_be_visible()

    person.page.get_by_role("link", name="Let it ask you again").click()
    person.allow()
    person.write("Buy milk")
    expect(person.page.locator(".notes li").first).to_have_text("Buy milk")

    person.open_my_account()
    expect(person.page.locator("details.app")).to_have_count(1)
    person.page.get_by_role("link", name="End this session").click()
    person.page.get_by_role("button", name="End this session").click()
    person.see_refusal("revoked")
    person.page.get_by_role("link", name="Sign in again").click()
    expect(person.page).to_have_url(f"{run.web}/")
    person.see_notes()

    person.open_my_account()
    person.page.get_by_role("link", name="Sign out everywhere").click()
    person.page.get_by_role("button", name="Sign out everywhere").click()
    person.see_refusal("revoked")
    person.page.get_by_role("link", name="Sign in again").click()
    person.see_notes()

    person.open_my_account()
    person.page.get_by_role("link", name="Remove this app").click()
    person.page.get_by_role("button", name="Remove this app").click()
    expect(person.page.get_by_text("1 session of an app ended.")).to_be_visible()
    person.page.get_by_role("link", name="Back to my account").click()
    expect(person.page.get_by_text("No apps yet")).to_be_visible()
    person.see_refusal("revoked")
    person.page.get_by_role("link", name="Sign in again").click()
    person.allow()
    person.see_notes()

    person.sign_out()
    person.open_the_app()
    assert person.complaints == []


def test_two_browsers_are_one_app_with_two_sessions(chromium: Browser, run: Demonstration):
    """S01, S05, S06: one row; ending the session of one browser leaves the other signed in."""
    here, there = (Person(chromium.new_context(), run) for _ in range(2))
    for person in (here, there):
        person.open_the_app()
        person.sign_in()
        if person is here:
            person.allow()
        person.see_notes()
    here.open_my_account()
    expect(here.page.locator("details.app")).to_have_count(1)
    expect(here.page.locator(".sessions > li")).to_have_count(2)
    mine = here.page.locator(".sessions > li", has_text="This browser")
    mine.get_by_role("link", name="End this session").click()
    here.page.get_by_role("button", name="End this session").click()
    here.see_refusal("revoked")
    there.see_notes()


def test_a_grant_that_is_ended_on_the_command_line_is_refused_at_the_next_click(
    chromium: Browser, run: Demonstration
):
    """S46: as the page of ``make run`` says it."""
    person = Person(chromium.new_context(), run)
    person.open_the_app()
    person.sign_in()
    person.allow()
    grant = run.counterfoil("grant", "list", "--json")
    grant_id = re.search(r'"id": "([^"]+)"', grant)
    assert grant_id is not None
    run.counterfoil("grant", "end", grant_id[1], "--yes")
    person.see_refusal("revoked")
    assert person.complaints == []


def test_everything_works_without_javascript_on_a_small_screen(
    chromium: Browser, run: Demonstration
):
    """No page needs a script: with the policy that is sent, none would run (S103)."""
    small = {"width": 360, "height": 640}
    person = Person(chromium.new_context(java_script_enabled=False, viewport=small), run)
    person.open_the_app()
    person.sign_in("wrong")
    expect(person.page.locator("#problem")).to_be_visible()
    person.sign_in()
    person.allow("Read your notes")
    expect(person.page.locator(".stamp")).to_have_text(re.compile("insufficient_scope"))
    person.page.get_by_role("link", name="Let it ask you again").click()
    person.allow()
    person.write("Written without a script")
    expect(person.page.locator(".notes li").first).to_have_text("Written without a script")
    person.open_my_account()
    person.page.get_by_role("link", name="Remove this app").click()
    person.page.get_by_role("button", name="Remove this app").click()
    person.see_refusal("revoked")
    person.page.goto(run.issuer)
    person.page.get_by_role("button", name="Sign out").first.click()
    person.page.goto(f"{run.issuer}/account/apps")
    expect(person.page.get_by_label("Password")).to_be_visible()
    assert person.complaints == []


def test_a_person_may_say_no(chromium: Browser, run: Demonstration):
    person = Person(chromium.new_context(), run)
    person.open_the_app()
    person.sign_in()
    person.page.get_by_role("button", name="allow").filter(has_text="Don").click()
    expect(person.page.get_by_role("heading")).to_have_text("You did not let this app in")
    assert run.counterfoil("grant", "list").strip() == "There are no grants."
    assert person.complaints == []
