"""A person lets a device in: nothing for axe to find, narrow and wide, and without a script."""

import json
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import Person
from tests.examples.demonstration import Demonstration

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(300)]


def begun(run: Demonstration) -> dict[str, Any]:
    """What a television is told."""
    asked = {"client_id": "tv", "scope": "openid offline_access notes:read notes:write"}
    headers = {"user-agent": "Television/3 (Linux)"}
    answer = httpx2.post(f"{run.issuer}/device_authorization", data=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(json.loads(answer.text))


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_device_is_let_in_at_every_width(chromium: Browser, run: Demonstration, scripts: bool):
    """RFC 8628 §3.3, WCAG up to AAA by axe-core."""
    scopes = "openid offline_access notes:read notes:write"
    run.counterfoil(
        "client", "add", "Notes on TV", "--client-id", "tv", "--public", "--scope", scopes,
        "--grant-type", "device_code", "--grant-type", "refresh_token",
    )  # fmt: skip
    person = Person(chromium.new_context(java_script_enabled=scripts), run)
    page, wrong = person.page, []

    def look(name: str) -> None:
        if scripts:
            wrong.extend(person.look(name))

    device = begun(run)
    page.goto(device["verification_uri"])
    if scripts:
        person.sign_in()
    else:
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Password").fill(run.passwords["ada@example.com"])
        page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Connect a device")).to_be_visible()
    look("device")
    page.get_by_label("Code on the device").fill("BCDF-GHJK")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_contain_text("No device waits under this code")
    look("device-wrong")
    page.get_by_label("Code on the device").fill(device["user_code"].lower().replace("-", " "))
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Let Notes on TV in?")).to_be_visible()
    expect(page.get_by_text(device["user_code"])).to_be_visible()
    look("device-consent")
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_role("heading", name="Your device is connected")).to_be_visible()
    look("device-connected")
    page.goto(begun(run)["verification_uri_complete"])
    page.get_by_role("button", name="allow").filter(has_text="Don").click()
    expect(page.get_by_role("heading", name="Your device was turned away")).to_be_visible()
    look("device-turned-away")
    assert wrong == []
    assert person.complaints == []
