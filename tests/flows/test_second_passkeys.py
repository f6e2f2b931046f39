"""A passkey after a password: as second factor, to step up, and before an account changes."""

import json
import secrets
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import force_setattr, replace

from counterfoil.server.records.event import EventKind
from tests.authenticator import Authenticator
from tests.installation import Installation, Person, answer_of, hidden_fields, installed
from tests.passkeys import add_at, passkeys_of, show_at
from tests.recoveries import ask, choose, mail_for, open_link, token_for
from tests.second_factors import App, confirm, events_of, half, is_in, show

pytestmark = pytest.mark.anyio
ISSUER = "http://localhost:8000"
"""Where there are passkeys, and mail is caught."""
one_engine = pytest.mark.one_engine("the rows are tried on both by other tests here")
SETTINGS: dict[str, Any] = {
    "issuer": ISSUER,
    "sign_in_rate_per_minute": 1_000_000,
}


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))))


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("site"), **SETTINGS) as place:
        yield place


@pytest.fixture
def phone() -> Authenticator:
    """One that is only touched: after a password that is enough."""
    return Authenticator(ISSUER, verifies=False)


async def owner_at(place: Installation, phone: Authenticator, **members: Any) -> Person:
    """Somebody who has a password and a passkey, and is signed in nowhere."""
    user = await place.add_user(f"{secrets.token_hex(6)}@example.com", **members)
    async with place.browser() as browser:
        person = Person(place, browser, user.email, user.id)
        await person.sign_in(await browser.get("/sign-in"))
        assert (await add_at(person, phone)).status_code == 303
    place.clock.turn(1)
    return person


@pytest.fixture
async def owner(place: Installation, phone: Authenticator) -> AsyncIterator[Person]:
    known = await owner_at(place, phone)
    async with place.browser() as browser:
        yield Person(place, browser, known.email, known.user_id)


async def test_an_app_that_wishes_for_phr_has_it_after_password_and_passkey(
    place: Installation, owner: Person, phone: Authenticator
):
    """S76."""
    page = await owner.sign_in(await owner.open(acr_values="phr"))
    assert "Use your passkey" in page.text
    assert "passkeys.js" in page.headers["content-security-policy"]
    signed_in_at = int(place.clock())
    place.clock.turn(5)
    page = await owner.follow(await show_at(owner, page, phone))
    tokens = await owner.exchange(answer_of(await owner.allow(page))["code"])
    claims = claims_of(tokens.json()["id_token"])
    assert (claims["amr"], claims["acr"]) == (["pwd", "pop", "mfa"], "phr")
    assert claims["auth_time"] == signed_in_at, "the password was not shown again"
    assert len(await events_of(place, EventKind.STEPPED_UP, owner.user_id)) == 1
    # What is strong enough now is not asked again.
    answer = await owner.open(acr_values="phr", prompt="none")
    assert "code" in answer_of(answer)


async def test_whoever_has_none_is_still_refused_and_a_password_alone_still_signs_in(
    place: Installation, owner: Person
):
    """A passkey is demanded where policy or an app demands it, and by nothing else."""
    await half(owner)
    assert await is_in(owner)
    user = await place.add_user(f"{secrets.token_hex(6)}@example.com")
    async with place.browser() as browser:
        other = Person(place, browser, user.email, user.id)
        answer = await other.sign_in(await other.open(acr_values="phr"))
        assert answer_of(answer)["error"] == "unmet_authentication_requirements"


async def test_where_it_is_demanded_of_everyone_the_passkey_finishes_the_sign_in(
    tmp_path: Path, phone: Authenticator
):
    async with installed(tmp_path, **SETTINGS) as place:
        known = await owner_at(place, phone)
        demanding = replace(place.authority.settings, second_factor_for="everyone")
        force_setattr(place.authority, "settings", demanding)
        async with place.browser() as browser:
            owner = Person(place, browser, known.email, known.user_id)
            page = await half(owner)
            assert "Use your passkey" in page.text
            assert "authenticator app" not in page.text
            assert not await is_in(owner)
            # The password alone sets no app up beside it.
            way = await browser.get("/sign-in/authenticator")
            assert way.headers["location"] == "/sign-in/second-factor"
            await owner.follow(await show_at(owner, page, phone))
            assert await is_in(owner)
            (event, *_) = await events_of(place, EventKind.SIGNED_IN, owner.user_id)
            assert event.proof.startswith("passkey:")


@one_engine
async def test_with_an_app_on_either_will_do_and_phr_wants_the_passkey(
    place: Installation, owner: Person, phone: Authenticator
):
    app = await _with_app(owner, phone)
    place.clock.turn(60)
    async with place.browser() as browser:
        visitor = Person(place, browser, owner.email, owner.user_id)
        page = await half(visitor)
        assert "Use your passkey" in page.text
        await show(visitor, page, app.code())
        assert await is_in(visitor)
        page = await visitor.open(acr_values="phr")
        assert "Use your passkey" in page.text
        assert "Code of your authenticator app" not in page.text
        page = await visitor.follow(await show_at(visitor, page, phone))
        tokens = await visitor.exchange(answer_of(await visitor.allow(page))["code"])
        assert claims_of(tokens.json()["id_token"])["amr"] == ["pwd", "otp", "pop", "mfa"]


async def _with_app(owner: Person, phone: Authenticator) -> App:
    page = await half(owner, "/sign-in?next=authenticator")
    assert "Use your passkey" in page.text, "the password alone is not the strongest they have"
    app, _ = await confirm(owner, await owner.follow(await show_at(owner, page, phone)))
    return app


@one_engine
async def test_what_guards_the_account_asks_for_the_passkey_and_leads_back(
    place: Installation, owner: Person, phone: Authenticator
):
    """S105: one freshness for all of it."""
    await half(owner)
    for path in (
        "/account/passkeys/new",
        "/account/email",
        "/account/tokens/new",
        "/account/delete",
        "/account/data",
        "/account/password",
    ):
        page = await owner.follow(await owner.browser.get(path))
        assert "Use your passkey" in page.text, path
    assert 'href="/sign-in"' in page.text, "somebody else signs in without being asked again"
    page = await owner.follow(await owner.browser.get("/account/passkeys/new"))
    page = await owner.follow(await show_at(owner, page, phone))
    assert "Its name" in page.text
    assert "Use your passkey" not in (await owner.browser.get("/account/email")).text


@one_engine
async def test_the_person_is_told_of_a_passkey_that_came_or_went(
    place: Installation, owner: Person, phone: Authenticator
):
    (told,) = await mail_for(place, owner.email)
    assert "one more passkey" in told.replace("\n", " ")
    assert f"{ISSUER}/forgotten-password" in told
    page = await half(owner, "/sign-in?next=passkey")
    await show_at(owner, page, phone)
    (passkey,) = await passkeys_of(owner)
    path = f"/account/passkeys/change/{passkey.id}"
    form = hidden_fields((await owner.browser.get(path)).text) | {"decision": "remove"}
    assert (await owner.browser.post(path, data=form)).status_code == 200
    assert await passkeys_of(owner) == []
    assert "is good no more" in (await mail_for(place, owner.email))[0].replace("\n", " ")


@one_engine
@pytest.mark.parametrize("removes", [True, False])
async def test_a_new_password_by_mail_shows_the_passkeys_and_removes_them_on_demand(
    place: Installation, owner: Person, *, removes: bool
):
    await ask(owner.browser, owner.email)
    page = await open_link(owner.browser, await token_for(place, owner.email))
    assert "Phone, made on" in page.text
    chosen = {"passkeys": "remove"} if removes else {}
    assert (await choose(owner.browser, page, **chosen)).status_code == 200
    assert len(await passkeys_of(owner)) == (0 if removes else 1)
    gone = await events_of(place, EventKind.PASSKEY_REMOVED, owner.user_id)
    assert [each.detail["why"] for each in gone] == (["password_reset"] if removes else [])
