"""Every admin page, looked at by an administrator: good for everyone, narrow and wide."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import Person
from tests.examples.demonstration import Demonstration

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(300)]
ADMIN = "admin@example.com"
ROOMS = ("Clients", "APIs", "People", "Grants", "Sessions", "Keys", "Events")


def mint_right(admin: Person) -> list[str]:
    """A client is let mint for somebody, and loses it again."""
    page, issuer, wrong = admin.page, admin.run.issuer, list[str]()
    made = admin.run.counterfoil("client", "add", "Batch", "--scope", "mint notes:read")
    page.goto(f"{issuer}/admin/clients")
    page.locator(".rows").get_by_role("link", name="Batch").click()
    page.get_by_role("link", name="Let it mint for people").click()
    page.get_by_label("For whom").fill("nobody@example.com")
    page.locator("label.title").first.click()
    page.get_by_role("button", name="Let it mint").click()
    expect(page.get_by_role("alert")).to_contain_text("Nobody here has the address")
    wrong += admin.look("admin-mint-right-again")
    page.get_by_label("For whom").fill(ADMIN)
    page.get_by_role("button", name="Let it mint").click()
    expect(page.get_by_role("heading", name="May mint for people")).to_be_visible()
    wrong += admin.look("admin-client-mints")
    page.locator("h2:has-text('May mint') + .rows a").first.click()
    page.get_by_role("button", name="End it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("It has ended")
    assert "Batch" in made
    return wrong


def test_every_admin_page_is_good_for_everyone(chromium: Browser, run: Demonstration) -> None:
    """WCAG up to AAA by axe-core, at 360 and 1200 pixels, and not a word in the console."""
    user = Person(chromium.new_context(), run)
    user.open_the_app()
    user.sign_in()
    user.allow()
    admin = Person(chromium.new_context(), run)
    page, wrong = admin.page, []
    page.goto(f"{run.issuer}/admin/")
    page.get_by_label("Email").fill(ADMIN)
    page.get_by_label("Password").fill(run.passwords[ADMIN])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto(run.issuer)
    wrong += admin.look("home-admin")
    page.get_by_role("link", name="Administration").click()
    wrong += admin.look("admin")
    rooms = page.get_by_role("navigation", name="Administration")
    for room in ROOMS:
        rooms.get_by_role("link", name=room).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(room)
        wrong += admin.look(f"admin-{room.lower()}")
        if room != "Events":
            page.locator(".rows a").first.click()
            wrong += admin.look(f"admin-{room.lower()}-one")
    page.goto(f"{run.issuer}/admin/grants")
    page.locator(".rows a").first.click()
    page.get_by_role("link", name="End the grant").click()
    wrong += admin.look("admin-end")
    page.get_by_role("button", name="End it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("It has ended")
    wrong += admin.look("admin-ended")
    user.see_refusal("revoked")
    page.get_by_role("link", name="Back").click()
    expect(page.locator(".tag")).to_have_text(re.compile("ended"))
    page.get_by_role("link", name="End the grant").click()
    wrong += admin.look("admin-end-nothing")
    page.goto(f"{run.issuer}/admin/users")
    page.locator(".rows").get_by_role("link", name=ADMIN).click()
    page.get_by_role("link", name="End everything").click()
    wrong += admin.look("admin-end-here")
    wrong += mint_right(admin)
    page.goto(f"{run.issuer}/admin/users/nobody")
    wrong += admin.look("admin-nothing")
    user.page.goto(f"{run.issuer}/admin/")
    wrong += user.look("admin-forbidden")
    assert wrong == []
    assert admin.complaints == []
