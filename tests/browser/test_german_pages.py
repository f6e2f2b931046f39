"""Signing in, consent and the account in German: nothing for axe to find, nothing too wide."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import EMAIL, Person
from tests.examples.demonstration import Demonstration

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(300)]


def test_a_german_reader_goes_the_whole_way(chromium: Browser, run: Demonstration):
    """By the language of the browser; and the switch at the foot leads to English and back."""
    person = Person(chromium.new_context(locale="de-DE"), run)
    page, wrong = person.page, []
    page.goto(run.web)
    page.get_by_role("link", name="Sign in").click()
    expect(page).to_have_url(re.compile(re.escape(run.issuer) + "/sign-in"))
    expect(page.locator("html")).to_have_attribute("lang", "de")
    wrong += person.look("de-sign-in")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
    page.get_by_label("E-Mail").fill(EMAIL)
    page.get_by_label("Passwort").fill(run.passwords[EMAIL])
    page.get_by_role("button", name="Anmelden", exact=True).click()
    expect(page.get_by_role("heading", name="Zugriff geben?")).to_be_visible()
    wrong += person.look("de-consent")
    page.get_by_role("button", name="Erlauben", exact=True).click()
    expect(page).to_have_url(f"{run.web}/")
    for room in ("apps", "profile", "security", "devices", "tokens", "activity", "passkeys"):
        page.goto(f"{run.issuer}/account/{room}")
        expect(page.locator("html")).to_have_attribute("lang", "de")
        if room == "apps":
            page.locator("summary").first.click()
        wrong += person.look(f"de-{room}")
    assert wrong == []
    assert person.complaints == []
