"""Somebody without an account comes from an app, gets one, goes on, and changes their address."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.person import Person
from tests.browser.test_recovery_pages import Look, look_at_nothing, press
from tests.examples.demonstration import Demonstration, demonstration

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(300)]

NEW = "a password of their own"
ADMIN = "admin@example.com"


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """``make run``, where anybody may register."""
    data = tmp_path_factory.mktemp("run") / "data"
    data.mkdir()
    (data / "counterfoil.toml").write_text('registration = "open"\n')
    with demonstration(data) as it:
        yield it


def follow(page: Page, issuer: str, subject: str) -> None:
    """The newest mail is there within a moment."""
    page.goto(f"{issuer}/development/mail")
    while page.get_by_role("heading", name=subject).count() == 0:
        page.reload()
    page.get_by_role("link", name="Follow the link").first.click()


def register(page: Page, look: Look) -> None:
    press(page, "New here? Make an account")
    expect(page.get_by_role("heading", name="New account")).to_be_visible()
    look("register")
    page.get_by_label("Email").fill("grace@example.com")
    press(page, "Send me a link")
    expect(page.get_by_role("status")).to_contain_text("grace@example.com")
    look("register-sent")


def choose(page: Page, look: Look) -> None:
    """Weak first, then well."""
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    look("welcome")
    for password in ("password1", NEW):
        page.get_by_label("Your name").fill("Grace Hopper")
        page.get_by_label("Password, at least 8 characters").fill(password)
        page.get_by_label("Password again").fill(password)
        press(page, "Make my account")
        if password != NEW:
            expect(page.get_by_role("alert")).to_contain_text("Many people use this password")
            look("welcome-weak")


def change_email(page: Page, issuer: str, look: Look) -> None:
    page.goto(f"{issuer}/account/profile")
    page.get_by_role("link", name="Change email").click()
    look("email")
    page.get_by_label("New email").fill("grace@new.example")
    press(page, "Send a link there")
    expect(page.get_by_role("status")).to_contain_text("grace@new.example")
    look("email-sent")
    follow(page, issuer, "Confirm your new address")
    look("email-confirm")
    press(page, "Change my email")
    expect(page.get_by_role("heading", name="Your account has a new address")).to_be_visible()
    follow(page, issuer, "Your account has another address")
    expect(page.get_by_role("heading", name="Take your account back")).to_be_visible()
    look("email-undo")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_new_person_goes_from_the_app_to_an_account_and_back(
    chromium: Browser, town: Demonstration, scripts: bool
):
    """By keyboard, and nothing for axe to find; no address that is shown has the token."""
    person = Person(chromium.new_context(java_script_enabled=scripts), town)
    page, addresses, wrong = person.page, list[str](), list[str]()
    page.on("framenavigated", lambda frame: addresses.append(frame.url))
    look = (lambda name: wrong.extend(person.look(name))) if scripts else look_at_nothing
    person.open_the_app()
    register(page, look)
    follow(page, town.issuer, "Your new account")
    choose(page, look)
    expect(page).to_have_url(re.compile("/consent"))
    person.allow()
    change_email(page, town.issuer, look)
    assert not [each for each in addresses if "token=" in each]
    assert wrong == []
    assert person.complaints == []


@pytest.fixture
def village(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """``make run``, where administrators invite people."""
    data = tmp_path_factory.mktemp("run") / "data"
    data.mkdir()
    (data / "counterfoil.toml").write_text('registration = "invitation"\n')
    with demonstration(data) as it:
        yield it


def test_somebody_is_invited_twice_and_comes_once(chromium: Browser, village: Demonstration):
    """S72: the pages of the administrator, the mail, a password of their own; WCAG by axe-core."""
    boss, issuer = Person(chromium.new_context(), village), village.issuer
    page, wrong = boss.page, list[str]()
    page.goto(f"{issuer}/sign-in")
    page.get_by_label("Email").fill(ADMIN)
    page.get_by_label("Password").fill(village.passwords[ADMIN])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto(f"{issuer}/admin/users")
    page.get_by_role("link", name="Invite somebody").click()
    wrong += boss.look("admin-invite")
    page.get_by_label("Email").fill("grace@example.com")
    page.get_by_role("button", name="Invite them").click()
    expect(page.get_by_text("invited, not yet verified")).to_be_visible()
    page.get_by_role("link", name="Invite them again").click()
    wrong += boss.look("admin-invite-again")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", name="A link is on its way")).to_be_visible()
    grace = Person(chromium.new_context(), village)
    follow(grace.page, issuer, "invited")
    choose(grace.page, look_at_nothing)
    expect(grace.page.get_by_role("status")).to_contain_text("grace@example.com")
    page.goto(f"{issuer}/admin/users")
    page.locator(".rows").get_by_role("link", name="grace@example.com").click()
    expect(page.get_by_text("verified on")).to_be_visible()
    assert wrong == []
    assert boss.complaints + grace.complaints == []
