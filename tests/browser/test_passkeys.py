"""Passkeys in a real browser, with its virtual authenticators: by button, by autofill, by keyboard.

The server is at ``localhost``: at an address browsers have no passkeys.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from counterfoil.jose.jwt import unverified_claims
from tests.browser.person import Person
from tests.flows.serving import START, serving
from tests.installation import EMAIL, PASSWORD
from tests.proofs import spelled

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(300)]


@pytest.fixture
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def issuer(data: Path) -> Iterator[str]:
    with serving(data, host="localhost") as port:
        link = json.loads(command(data, "user", "add", EMAIL))["link"]
        command(data, "user", "claim", link, "--password-stdin")
        yield f"http://localhost:{port}"


def command(data: Path, *words: str) -> str:
    """Run the command line; gives what it prints."""
    whole = [sys.executable, "-c", START, *words, "--data", str(data), "--json"]
    done = subprocess.run(whole, input=PASSWORD, text=True, check=True, capture_output=True)
    return done.stdout


class Devices:
    """The authenticators that a browser has at hand."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable")

    def add(self, *, verifies: bool = True, transport: str = "internal") -> str:
        options = {
            "protocol": "ctap2",
            "transport": transport,
            "hasResidentKey": True,
            "hasUserVerification": verifies,
            "isUserVerified": verifies,
            "automaticPresenceSimulation": True,
        }
        made = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return str(made["authenticatorId"])

    def credentials(self, device: str) -> list[dict[str, Any]]:
        found = self._session.send("WebAuthn.getCredentials", {"authenticatorId": device})
        return list(found["credentials"])

    def give(self, device: str, credential: dict[str, Any]) -> None:
        given = {"authenticatorId": device, "credential": credential}
        self._session.send("WebAuthn.addCredential", given)

    def touches(self, device: str, *, at_once: bool) -> None:
        """Whether somebody touches it as soon as it asks."""
        self._session.send(
            "WebAuthn.setAutomaticPresenceSimulation",
            {"authenticatorId": device, "enabled": at_once},
        )

    def take_away(self, device: str) -> None:
        self._session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": device})


def person_at(context: BrowserContext, issuer: str) -> Person:
    return Person(context, SimpleNamespace(issuer=issuer, passwords={EMAIL: PASSWORD}))  # type: ignore[arg-type]


def sign_in_by_password(page: Page) -> None:
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def open_passkeys(person: Person) -> None:
    person.page.goto(f"{person.run.issuer}/account/passkeys")
    expect(person.page.get_by_role("heading", name="Passkeys", exact=True)).to_be_visible()


def add_passkey(page: Page, name: str) -> None:
    page.get_by_role("link", name="Add a passkey").click()
    expect(page.get_by_label("Its name")).to_be_focused()
    page.get_by_label("Its name").fill(name)
    page.keyboard.press("Enter")


def test_a_passkey_from_the_first_to_the_last_day(chromium: Browser, issuer: str):
    """S76: added by keyboard, used by button and by autofill, removed; WCAG by axe-core."""
    person = person_at(chromium.new_context(), issuer)
    page, devices, wrong = person.page, Devices(person.page), []
    page.goto(f"{issuer}/sign-in?next=passkeys")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_visible()
    wrong += person.look("passkey-sign-in")
    sign_in_by_password(page)
    phone = devices.add()
    page.get_by_role("link", name="Add a passkey").click()
    wrong += person.look("passkey-new")
    page.go_back()
    add_passkey(page, "My phone")
    expect(page.get_by_text("My phone", exact=True)).to_be_visible()
    (credential,) = devices.credentials(phone)
    assert credential["isResidentCredential"]
    # The same device again: it says so itself.
    add_passkey(page, "My phone again")
    expect(page.get_by_role("status")).to_have_text(
        "This device has a passkey for this account already."
    )
    wrong += person.look("passkey-known")
    # A second device, with the first one out of reach.
    devices.take_away(phone)
    key = devices.add(transport="usb")
    open_passkeys(person)
    add_passkey(page, "My ring")
    expect(page.get_by_text("My ring", exact=True)).to_be_visible()
    wrong += person.look("passkeys")
    # By the button, with the key.
    page.get_by_role("button", name="Sign out").click()
    devices.touches(key, at_once=False)
    page.goto(f"{issuer}/sign-in?next=passkeys")
    button = page.get_by_role("button", name="Sign in with a passkey")
    expect(button).to_be_visible()
    devices.touches(key, at_once=True)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Last used just now")).to_be_visible()
    # Removed, it is refused.
    page.get_by_role("link", name=re.compile("Rename or remove.*My ring")).click()
    wrong += person.look("passkey-change")
    page.get_by_role("button", name="Remove this passkey").click()
    expect(page.get_by_role("heading", name="The passkey has been removed")).to_be_visible()
    page.goto(f"{issuer}/account/passkeys")
    page.get_by_role("button", name="Sign out").click()
    devices.touches(key, at_once=False)
    page.goto(f"{issuer}/sign-in")
    expect(button).to_be_visible()
    devices.touches(key, at_once=True)
    button.click()
    expect(page.get_by_role("alert")).to_contain_text("That passkey did not work here")
    wrong += person.look("passkey-refused")
    assert wrong == []
    assert person.complaints == []


def test_it_is_proposed_where_the_email_is_typed(chromium: Browser, issuer: str):
    """S76, conditional mediation (§5.1.4): no button, no e-mail."""
    person = person_at(chromium.new_context(), issuer)
    page, devices = person.page, Devices(person.page)
    phone = devices.add()
    page.goto(f"{issuer}/sign-in?next=passkeys")
    sign_in_by_password(page)
    add_passkey(page, "Autofill")
    expect(page.get_by_text("Autofill", exact=True)).to_be_visible()
    assert devices.credentials(phone)
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{issuer}/sign-in?next=passkeys")
    expect(page.get_by_text("Last used just now")).to_be_visible()
    assert person.complaints == []


def test_without_scripts_the_password_does(chromium: Browser, issuer: str):
    person = person_at(chromium.new_context(java_script_enabled=False), issuer)
    page = person.page
    page.goto(f"{issuer}/sign-in?next=passkey")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    sign_in_by_password(page)
    expect(page.get_by_text("Passkeys need scripts")).to_be_visible()


def test_after_a_password_it_is_the_second_factor_and_steps_up(chromium: Browser, issuer: str):
    """S105: password, then passkey; an app that asks for phr has it by the passkey alone."""
    person = person_at(chromium.new_context(), issuer)
    page, devices, wrong = person.page, Devices(person.page), []
    page.goto(f"{issuer}/sign-in?next=passkeys")
    sign_in_by_password(page)
    key = devices.add(transport="usb")
    add_passkey(page, "My ring of this")
    expect(page.get_by_text("My ring of this", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    # Out of reach of what the sign-in page proposes by itself.
    devices.touches(key, at_once=False)
    page.goto(f"{issuer}/sign-in?next=passkey")
    sign_in_by_password(page)
    asks = page.get_by_role("button", name="Use your passkey")
    expect(asks).to_be_focused()
    wrong += person.look("passkey-second-factor")
    devices.touches(key, at_once=True)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Its name")).to_be_visible()
    assert wrong == []
    assert person.complaints == []


def test_an_app_that_asks_for_phr_has_it_by_the_passkey_alone(
    chromium: Browser, issuer: str, data: Path
):
    """S105: whoever is signed in by password steps up, is asked for nothing else, and goes on."""
    back = "http://127.0.0.1:8499/callback"
    app = json.loads(
        command(data, "client", "add", "Shop", "--redirect-uri", back, "--scope", "openid")
    )
    person = person_at(chromium.new_context(), issuer)
    page, devices = person.page, Devices(person.page)
    page.route("**/callback?**", lambda route: route.fulfill(body="back at the app"))
    page.goto(f"{issuer}/sign-in?next=passkeys")
    sign_in_by_password(page)
    key = devices.add(transport="usb")
    add_passkey(page, "My ring")
    expect(page.get_by_text("My ring", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    devices.touches(key, at_once=False)
    page.goto(f"{issuer}/sign-in")
    sign_in_by_password(page)
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    verifier = "v" * 43
    asked = {
        "response_type": "code",
        "client_id": app["client_id"],
        "redirect_uri": back,
        "scope": "openid",
        "state": "s" * 22,
        "acr_values": "phr",
        "code_challenge_method": "S256",
        "code_challenge": spelled(sha256(verifier.encode()).digest()),
    }
    page.goto(f"{issuer}/authorize?{urlencode(asked)}")
    expect(page.get_by_role("button", name="Use your passkey")).to_be_focused()
    wrong = person.look("passkey-step-up")
    devices.touches(key, at_once=True)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_text("back at the app")).to_be_visible()
    (code,) = parse_qs(urlsplit(page.url).query)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
    with httpx2.Client(trust_env=False) as client:
        answer = client.post(
            f"{issuer}/token",
            data=form | {"code_verifier": verifier},
            auth=(app["client_id"], app["client_secret"]),
        )
    claims = unverified_claims(answer.json()["id_token"])
    assert (claims["acr"], set(claims["amr"]) >= {"pwd", "pop", "mfa"}) == ("phr", True)
    assert wrong == []
    assert person.complaints == []
