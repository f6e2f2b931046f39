"""From an app to a new account and back to the app; on one device, and on two (S72)."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from counterfoil.jose.jwt import unverified_claims
from tests.installation import CALLBACK, Installation, Person, answer_of, hidden_fields, installed
from tests.joinings import (
    NEW,
    OPEN,
    confirm,
    invited,
    join,
    joined,
    nobody_has,
    open_link,
    register,
    undo,
    user_of,
    want_email,
)
from tests.recoveries import mail_for, token_for

pytestmark = pytest.mark.anyio

SCOPE = "openid email profile notes:read"


@pytest.fixture(scope="module")
async def town(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("town"), **OPEN) as town:
        yield town


def flow_in(address: str) -> str:
    return parse_qs(urlsplit(address).query)["flow"][0]


async def told(place: Installation, access_token: str) -> dict[str, object]:
    """What an app is told of the person."""
    async with place.browser() as app:
        answer = await app.get("/userinfo", headers={"authorization": f"Bearer {access_token}"})
    return dict(answer.json())


async def test_whoever_registers_on_the_way_to_an_app_goes_on_to_it(town: Installation):
    """S72: and the app learns that the address is proved."""
    async with town.browser() as browser:
        person = Person(town, browser, "grace@example.com")
        page = await person.open(scope=SCOPE)
        flow = hidden_fields(page.text)["flow"]
        assert "New here? Make an account" in page.text
        sent = await register(browser, "grace@example.com", flow)
        assert "Look into your mailbox" in sent.text
        assert await nobody_has(town, "grace@example.com")
        opened = await open_link(browser, await token_for(town, "grace@example.com"))
        consent = await person.follow(await join(browser, opened))
        assert "permission" in consent.text, consent.text
        back = await person.allow(consent)
        assert back.headers["location"].startswith(CALLBACK)
        tokens = (await person.exchange(answer_of(back)["code"])).json()
    said = await told(town, tokens["access_token"])
    assert (said["email_verified"], said["name"]) == (True, "Grace")
    user = await user_of(town, "grace@example.com")
    assert said["sub"] == user.id
    assert user.email_verified


async def test_on_another_device_the_first_one_signs_in_and_goes_on(town: Installation):
    """S72: the account is made where the link is opened; the request waits where it was begun."""
    async with town.browser() as desk, town.browser() as phone:
        person = Person(town, desk, "barbara@example.com")
        page = await person.open(scope=SCOPE)
        flow = hidden_fields(page.text)["flow"]
        sent = await register(desk, "barbara@example.com", flow)
        opened = await open_link(phone, await token_for(town, "barbara@example.com"))
        done = await join(phone, opened)
        assert "Your account is ready" in done.text
        assert (await phone.get("/account/apps")).status_code == 200
        assert f"/sign-in?flow={flow}" in sent.text
        consent = await person.sign_in(await desk.get(f"/sign-in?flow={flow}"), password=NEW)
        back = await person.allow(consent)
        assert back.headers["location"].startswith(CALLBACK)


async def test_an_invitation_is_good_for_days_and_once(tmp_path: Path, on_engine: str):
    async with installed(tmp_path, registration="invitation") as own:
        token = await invited(own, "invited@example.com")
        late = await invited(own, "late@example.com")
        own.clock.turn(7 * 24 * 3600 - 60)
        async with own.browser() as browser:
            assert (await browser.get("/register")).status_code == 404
            opened = await open_link(browser, token)
            assert "An account was made for you." in opened.text
            assert "Your account is ready" in (await join(browser, opened)).text
            assert (await open_link(browser, token)).status_code == 410
            person = Person(own, browser, "invited@example.com")
            said = await told(own, (await person.tokens(scope=SCOPE))["access_token"])
            assert said["email_verified"] is True
            own.clock.turn(60)
            assert (await open_link(browser, late)).status_code == 410


async def test_an_address_is_changed_and_the_one_before_takes_it_back(town: Installation):
    """Nothing changes before the new one is proved; the undoing ends all, and sets a password."""
    old, new = "hedy@example.com", "hedy@new.example"
    user = await joined(town, old)
    async with town.browser() as browser, town.browser() as mailbox:
        person = Person(town, browser, old, user.id)
        await person.sign_in(await browser.get("/sign-in"), password=NEW)
        tokens = await person.tokens(scope=SCOPE)
        assert "Nothing has changed yet" in (await want_email(browser, new)).text
        assert (await user_of(town, old)).id == user.id
        done = await confirm(browser, await token_for(town, new))
        assert "Your account has a new address" in done.text
        assert await nobody_has(town, old)
        assert (await told(town, tokens["access_token"]))["email"] == new
        assert (await browser.get("/account/apps")).status_code == 200, "nobody is signed out"
        told_before, *_ = await mail_for(town, old)
        assert "take the account back here, within 7 days" in told_before
        back = await undo(mailbox, await token_for(town, old), "her new passphrase, at last")
        assert "The account is yours again" in back.text
        assert (await browser.get("/account/apps")).status_code == 303
        assert (await user_of(town, old)).id == user.id
        assert await nobody_has(town, new)
        for password, status in ((NEW, 400), ("her new passphrase, at last", 200)):
            page = await mailbox.get("/sign-in")
            found = await Person(town, mailbox, old).sign_in(page, password=password)
            assert found.status_code == status


async def test_an_id_token_says_whether_the_address_was_proved(town: Installation):
    """Of accounts from before nobody knows; a new password by mail proves it."""
    await town.add_user("before@example.com")
    async with town.browser() as browser:
        tokens = await Person(town, browser, "before@example.com").tokens(scope=SCOPE)
        assert unverified_claims(tokens["id_token"])["email_verified"] is False
