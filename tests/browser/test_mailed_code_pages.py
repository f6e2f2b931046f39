"""Codes by mail in a real browser: chosen, asked for, typed; without scripts too, and for axe."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import EMAIL, Person
from tests.examples.demonstration import Demonstration, demonstration

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(200)]


@pytest.fixture(scope="module")
def sending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """``make run`` whose operator lets people choose codes by mail."""
    data: Path = tmp_path_factory.mktemp("run") / "data"
    data.mkdir()
    (data / "counterfoil.toml").write_text("mailed_codes = true\n")
    with demonstration(data) as it:
        yield it


def code_for(person: Person, before: set[str]) -> str:
    """The code that has come since."""
    mail = person.page.context.new_page()
    mail.goto(f"{person.run.issuer}/development/mail")
    while not (found := codes_in(mail.content()) - before):
        mail.reload()
    mail.close()
    return found.pop()


def codes_in(page: str) -> set[str]:
    return set(re.findall(r"\b\d{4} \d{4}\b", page))


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_codes_by_mail_are_chosen_and_typed(
    chromium: Browser, sending: Demonstration, scripts: bool
):
    """WCAG up to AAA by axe-core; whoever has no scripts comes as far."""
    person = Person(chromium.new_context(java_script_enabled=scripts), sending)
    page, wrong = person.page, []

    def look(name: str) -> None:
        if scripts:
            wrong.extend(person.look(name))

    page.goto(f"{sending.issuer}/sign-in?next=security")
    person.sign_in()
    page.get_by_role("link", name="Have codes sent").click()
    look("mailed-codes-asked")
    known = all_codes(person)
    page.get_by_role("button", name="Send the first code").click()
    expect(page.get_by_label("Code in the mail")).to_be_focused()
    look("mailed-codes-first")
    first = code_for(person, known)
    page.keyboard.type(first)
    page.keyboard.press("Enter")
    expect(page.get_by_text("After your password you can have a code sent")).to_be_visible()
    look("security-mailed-codes")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{sending.issuer}/sign-in?next=security")
    person.sign_in()
    expect(page.get_by_role("button", name="Send me a code by mail")).to_be_focused()
    look("second-factor-mail")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code in the mail")).to_be_focused()
    page.keyboard.type("00000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That did not work")
    look("mailed-code-wrong")
    page.get_by_label("Code in the mail").fill(code_for(person, {*known, first}))
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Have no codes sent").click()
    look("mailed-codes-off")
    page.get_by_role("button", name="Have no codes sent").click()
    expect(page.get_by_role("link", name="Have codes sent")).to_be_visible()
    assert EMAIL in page.content()
    assert wrong == []
    assert [each for each in person.complaints if each] == []


def all_codes(person: Person) -> set[str]:
    """Those that came before this."""
    mail = person.page.context.new_page()
    mail.goto(f"{person.run.issuer}/development/mail")
    found = codes_in(mail.content())
    mail.close()
    return found
