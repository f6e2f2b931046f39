"""The page on which a person lets a device in: what it shows, where it leads (RFC 8628 §3.3)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from counterfoil.server.records.client import DEVICE_CODE
from counterfoil.server.records.policy import ClientPolicy
from tests.devices import Device, add_device_clients, decide, open_device_page, type_code
from tests.installation import (
    EMAIL,
    PASSWORD,
    Installation,
    Person,
    hidden_fields,
    installed,
    permissions_in,
)
from tests.server.pages.document import Document
from tests.shared import UNTHROTTLED

pytestmark = pytest.mark.anyio

ROOT = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    many = {"device_rate_per_minute": 0, "device_tries_per_minute": 10_000}
    limits = {"reproof_interval": 3600}
    data = tmp_path_factory.mktemp("data")
    async with installed(data, **UNTHROTTLED, **many, **limits) as place:
        await add_device_clients(place)
        yield place


async def test_who_is_not_signed_in_signs_in_and_comes_back_with_the_code(
    place: Installation, person: Person
) -> None:
    device = await Device(place).begin()
    first = await person.browser.get(device.link)
    assert first.status_code == 303
    assert first.headers["location"].startswith("/sign-in?next=device&user_code=")
    page = await person.browser.get(first.headers["location"])
    assert hidden_fields(page.text)["user_code"] == device.user_code
    form = hidden_fields(page.text) | {"email": person.email}
    wrong = await person.browser.post("/sign-in", data=form | {"password": "wrong"})
    assert hidden_fields(wrong.text)["user_code"] == device.user_code, "after a wrong password too"
    page = await person.sign_in(wrong)
    assert device.user_code in page.text
    assert "in?</h1>" in page.text


async def test_without_a_code_it_asks_for_one(place: Installation, person: Person) -> None:
    page = await open_device_page(person)
    document = Document(page.text)
    [field] = [each for each in document.elements if each.attributes.get("name") == "user_code"]
    assert field.attributes["type"] == "text"
    assert field.attributes["autocomplete"] == "off"
    assert person.email in page.text


async def test_who_must_sign_in_anew_does_so_first(place: Installation, person: Person) -> None:
    """S30, S32: what is let in would otherwise end before it began."""
    device = await Device(place).begin()
    page = await open_device_page(person, device.link)
    place.clock.turn(3600)
    answer = await person.browser.post(
        "/device", data=hidden_fields(page.text) | {"decision": "allow", "permission": "openid"}
    )
    assert answer.headers["location"].startswith("/sign-in?next=device")


async def test_a_client_may_demand_a_newer_sign_in(place: Installation, person: Person) -> None:
    """S30: between the look and the answer the sign-in may have grown too old for it."""
    scopes, policy = frozenset({"notes:read"}), ClientPolicy(reproof_interval=60)
    members = {"grant_types": (DEVICE_CODE,), "scopes": scopes, "policy": policy}
    await place.add_client("careful", public=True, **members)
    device = await Device(place, "careful").begin(scope="notes:read")
    page = await open_device_page(person, device.link)
    place.clock.turn(60)
    answered = await decide(person, page)
    assert 'name="password"' in answered.text
    assert await device.error() == "authorization_pending"
    looked = await person.browser.get(device.link)
    assert looked.headers["location"].startswith("/sign-in?next=device")
    again = await person.sign_in(answered)
    assert "connected" in (await decide(person, again)).text


async def test_it_asks_as_the_page_of_consent_does(place: Installation, person: Person) -> None:
    """S10, S13, S14: each permission by itself, for how long, and what was allowed before."""
    device = await Device(place).begin(scope="openid notes:read notes:write")
    page = await open_device_page(person, device.link)
    assert "For how long" in page.text
    assert len(permissions_in(page.text)) == 3
    await decide(person, page)
    device = await Device(place).begin(scope="openid notes:read")
    page = await open_device_page(person, device.link)
    assert "Already allowed" in page.text


async def test_something_must_be_chosen(place: Installation, person: Person) -> None:
    device = await Device(place).begin(scope="notes:read")
    page = await open_device_page(person, device.link)
    form = hidden_fields(page.text) | {"decision": "allow"}
    again = await person.browser.post("/device", data=form)
    assert again.status_code == 400
    assert "Choose at least one permission" in again.text
    assert hidden_fields(again.text)["user_code"] == device.user_code
    assert "connected" in (await decide(person, again)).text


async def test_another_account_may_be_chosen(place: Installation, person: Person) -> None:
    device = await Device(place).begin()
    page = await open_device_page(person, device.link)
    switched = await decide(person, page, "switch")
    assert 'name="password"' in switched.text
    assert hidden_fields(switched.text)["user_code"] == device.user_code


@pytest.mark.parametrize("decision", ["", "perhaps"])
async def test_an_answer_that_is_none_is_refused(
    place: Installation, person: Person, decision: str
) -> None:
    form = hidden_fields((await open_device_page(person)).text) | {"decision": decision}
    assert (await person.browser.post("/device", data=form)).status_code == 400


async def test_a_span_that_is_not_offered_is_refused(place: Installation, person: Person) -> None:
    device = await Device(place).begin()
    page = await open_device_page(person, device.link)
    form = hidden_fields(page.text) | {"decision": "allow", "permission": "openid", "span": "ever"}
    assert (await person.browser.post("/device", data=form)).status_code == 400
    assert await device.error() == "authorization_pending"


async def test_a_session_that_ends_in_that_moment_allows_nothing(
    place: Installation, person: Person
) -> None:
    """The person is asked to sign in, and answers again."""
    device = await Device(place).begin()
    page = await open_device_page(person, device.link)
    sessions = await place.authority.store.read(lambda tx: tx.sessions.of_user(person.user_id))
    await place.authority.store.transact(lambda tx: tx.sessions.end(sessions[0].id, tx.now))
    answer = await decide(person, page)
    assert 'name="password"' in answer.text
    assert await device.error() == "authorization_pending"


async def test_pages_of_a_device_are_kept_by_no_cache_and_framed_by_nobody(
    place: Installation, person: Person
) -> None:
    """S74: clickjacking; and a code in the URL is told to no other site."""
    page = await type_code(person, (await Device(place).begin()).user_code)
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["referrer-policy"] == "same-origin"
    assert "form-action 'self';" in page.headers["content-security-policy"]


async def test_below_a_path_it_leads_there(tmp_path: Path) -> None:
    """RFC 8414 §2: several issuers may share a host."""
    async with installed(tmp_path, issuer=f"{ROOT}/id") as place:
        await add_device_clients(place)
        async with place.browser() as browser:
            form = {"client_id": "tv", "scope": "openid"}
            told = (await browser.post("/device_authorization", data=form)).json()
            assert told["verification_uri"] == f"{ROOT}/id/device"
            answer = await browser.get(told["verification_uri_complete"])
            assert answer.headers["location"].startswith("/id/sign-in?next=device&user_code=")
            page = await browser.get(f"{ROOT}{answer.headers['location']}")
            sent = hidden_fields(page.text) | {"email": EMAIL, "password": PASSWORD}
            answer = await browser.post("/sign-in", data=sent)
            assert answer.headers["location"] == f"/id/device?user_code={told['user_code']}"
            page = await browser.get(f"{ROOT}{answer.headers['location']}")
            assert 'action="/id/device"' in page.text
