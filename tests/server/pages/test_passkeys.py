"""Passkeys on the pages: added, renamed and removed by their person, and signed in by (S76)."""

import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.authenticator import Authenticator
from tests.installation import Installation, Person, hidden_fields, installed
from tests.passkeys import ISSUER, add_at, form_in, passkeys_of, sign_in_at

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    data: Path = tmp_path_factory.mktemp("data")
    async with installed(data, issuer=ISSUER, sign_in_rate_per_minute=100_000) as place:
        yield place


@pytest.fixture
async def person(place: Installation) -> AsyncIterator[Person]:
    """Somebody who is signed in."""
    user = await place.add_user(f"{secrets.token_hex(6)}@example.com")
    async with place.browser() as browser:
        person = Person(place, browser, user.email, user.id)
        await person.sign_in(await browser.get("/sign-in"))
        yield person


@pytest.fixture
def phone() -> Authenticator:
    return Authenticator(ISSUER)


async def change(person: Person, **form: str) -> httpx2.Response:
    (passkey, *_) = await passkeys_of(person)
    path = f"/account/passkeys/change/{passkey.id}"
    page = await person.browser.get(path)
    return await person.browser.post(path, data=hidden_fields(page.text) | form)


async def test_one_is_added_and_listed(person: Person, phone: Authenticator):
    security = await person.browser.get("/account/security")
    assert "You have no passkey." in security.text
    answer = await add_at(person, phone, "My <ring>")
    assert answer.status_code == 303
    page = await person.follow(answer)
    assert "My &lt;ring&gt;" in page.text
    assert "Never used" in page.text
    assert "You have one passkey." in (await person.browser.get("/account/security")).text


async def test_somebody_signs_in_by_it_and_is_taken_where_they_wanted(
    place: Installation, person: Person, phone: Authenticator
):
    """S76: no e-mail, no password, and as strongly as the app demands."""
    await add_at(person, phone)
    async with place.browser() as browser:
        again = Person(place, browser, person.email, person.user_id)
        page = await again.open(acr_values="phr")
        form = form_in(page.text)
        options = form.pop("options")
        assert '"userVerification":"required"' in options, "the app demands more than one factor"
        answer = await browser.post(
            "/sign-in/passkey", data=form | {"credential": phone.get(options)}
        )
        consent = await again.follow(answer)
        assert 'name="permission"' in consent.text
    page = await person.browser.get("/account/passkeys")
    assert "Last used just now" in page.text


async def test_without_more_they_come_to_their_account(
    place: Installation, person: Person, phone: Authenticator
):
    await add_at(person, phone)
    async with place.browser() as browser:
        answer = await sign_in_at(browser, phone)
        assert answer.headers["location"] == "/account/apps"
        assert (await browser.get("/account/apps")).status_code == 200
        answer = await sign_in_at(browser, phone, "/sign-in?next=passkey")
        assert answer.headers["location"] == "/account/passkeys/new"


async def test_it_says_whether_the_browser_is_to_be_remembered(
    place: Installation, person: Person, phone: Authenticator, tmp_path: Path
):
    await add_at(person, phone)
    for keep, lasts in (("", False), ("yes", True)):
        async with place.browser() as browser:
            form = form_in((await browser.get("/sign-in")).text)
            given = form | {"credential": phone.get(form.pop("options")), "keep": keep}
            answer = await browser.post("/sign-in/passkey", data=given)
            cookies = answer.headers.get_list("set-cookie")
            session = next(each for each in cookies if "_session=" in each)
            choice = place.authority.settings.session_choice
            assert ("Max-Age" in session) is (lasts or not choice)


async def test_what_does_not_work_is_said_and_asked_anew(
    place: Installation, person: Person, phone: Authenticator
):
    await add_at(person, phone)
    async with place.browser() as browser:
        first = form_in((await browser.get("/sign-in")).text)
        answer = await sign_in_at(browser, phone, signature=b"no")
        assert answer.status_code == 400
        assert "That passkey did not work here" in answer.text
        assert form_in(answer.text)["ceremony"] != first["ceremony"]


async def test_only_pages_that_ask_for_a_passkey_run_a_script_and_it_is_ours(person: Person):
    source = f"script-src {ISSUER}/static/passkeys.js;"
    for path, runs in (("/sign-in", True), ("/account/passkeys/new", True), ("/", False)):
        page = await person.browser.get(path)
        assert (source in page.headers["content-security-policy"]) is runs
        assert ("<script" in page.text) is runs
    address = re.search(
        r'src="(/static/passkeys.js[^"]*)"', (await person.browser.get("/sign-in")).text
    )
    assert address is not None
    script = await person.browser.get(address[1])
    assert script.headers["content-type"].startswith("text/javascript")


async def test_it_is_renamed(person: Person, phone: Authenticator):
    await add_at(person, phone)
    assert (await change(person, decision="rename", name="Ring")).status_code == 303
    assert "Ring" in (await person.browser.get("/account/passkeys")).text
    refused = await change(person, decision="rename", name=" ")
    assert refused.status_code == 400
    assert "name of 1 to 100" in refused.text


async def test_it_is_removed_and_refused_from_then_on(
    place: Installation, person: Person, phone: Authenticator
):
    await add_at(person, phone)
    done = await change(person, decision="remove")
    assert "Nobody signs in by it any more." in done.text
    async with place.browser() as browser:
        assert (await sign_in_at(browser, phone)).status_code == 400


async def test_with_a_lost_device_the_other_browsers_are_signed_out(
    place: Installation, person: Person, phone: Authenticator
):
    await add_at(person, phone)
    async with place.browser() as browser:
        await sign_in_at(browser, phone)
        done = await change(person, decision="remove", lost="yes")
        assert "The passkey has been removed" in done.text
        assert (await browser.get("/account/apps")).status_code == 303
    assert (await person.browser.get("/account/apps")).status_code == 200


async def test_the_only_way_in_has_no_button_to_remove_it(
    place: Installation, person: Person, phone: Authenticator
):
    await add_at(person, phone)
    store = place.authority.store
    await store.transact(lambda tx: tx.users.set_password(person.user_id, None))
    (passkey,) = await passkeys_of(person)
    page = await person.browser.get(f"/account/passkeys/change/{passkey.id}")
    assert "Add another passkey first" in page.text
    assert "Remove this passkey" not in page.text
    assert (await change(person, decision="remove")).status_code == 400
    assert await passkeys_of(person) == [passkey]


async def test_without_a_script_the_page_says_why(person: Person):
    page = await person.browser.get("/account/passkeys/new")
    assert "Passkeys need scripts" in page.text
    form = hidden_fields(page.text) | {"name": "Phone", "credential": ""}
    answer = await person.browser.post("/account/passkeys/new", data=form)
    assert answer.status_code == 400
    assert "Passkeys need scripts" in answer.text
    assert 'value="Phone"' in answer.text


async def test_adding_and_removing_ask_for_a_fresh_sign_in(
    place: Installation, person: Person, phone: Authenticator
):
    """S105: the sign-in page comes first, and leads back."""
    await add_at(person, phone)
    (passkey,) = await passkeys_of(person)
    form = form_in((await person.browser.get("/account/passkeys/new")).text)
    place.clock.turn(place.authority.settings.fresh_sign_in_age)
    page = await person.browser.get("/account/passkeys/new")
    assert page.headers["location"] == "/sign-in?next=passkey"
    answer = phone.create(form.pop("options"))
    late = await person.browser.post(
        "/account/passkeys/new", data=form | {"credential": answer, "name": "x"}
    )
    assert late.status_code in {303, 400}
    removed = await change(person, decision="remove")
    assert removed.headers["location"] == "/sign-in?next=passkeys"
    assert await passkeys_of(person) == [passkey]


async def test_a_server_at_an_address_offers_none(tmp_path: Path):
    async with installed(tmp_path) as place, place.browser() as browser:
        assert urlsplit(place.issuer).hostname == "127.0.0.1"
        page = await browser.get("/sign-in")
        assert "data-passkey" not in page.text
        assert "script-src" not in page.headers["content-security-policy"]
        person = Person(place, browser)
        await person.sign_in(page)
        assert "do not work at the address" in (await browser.get("/account/passkeys")).text
        assert "do not work at the address" in (await browser.get("/account/passkeys/new")).text
