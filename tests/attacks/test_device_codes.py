"""Devices: codes guessed, replayed, stolen, flooded; people tricked (RFC 8628 §5, RFC 9700)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from counterfoil.oauth.user_code import read
from counterfoil.server.records.client import DEVICE_CODE
from counterfoil.server.records.event import EventKind
from tests.devices import (
    Device,
    add_device_clients,
    decide,
    let_in,
    open_device_page,
    type_code,
)
from tests.engines import values_of
from tests.installation import Installation, Person, hidden_fields, installed
from tests.proofs import App, Holder

pytestmark = pytest.mark.anyio

GENEROUS = {
    "device_rate_per_minute": 0,
    "device_tries_per_minute": 100_000,
    "sign_in_rate_per_minute": 100_000,
    "token_failures_per_minute": 100_000,
    "trusted_proxies": ("127.0.0.1",),
}


@pytest.fixture(scope="module")
async def house(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    """Where nobody is held up by rates."""
    async with installed(tmp_path_factory.mktemp("house"), **GENEROUS) as house:
        await add_device_clients(house)
        yield house


@pytest.fixture
async def ada(house: Installation) -> AsyncIterator[Person]:
    async with house.browser() as browser:
        yield Person(house, browser)


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Installation]:
    """As it comes, for one test."""
    async with installed(tmp_path) as strict:
        await add_device_clients(strict)
        yield strict


async def is_active(house: Installation, token: str) -> bool:
    return bool((await house.post("/introspect", "box", token=token)).json()["active"])


async def test_guessing_codes_comes_to_an_end(strict: Installation) -> None:
    """RFC 8628 §5.1: ten tries a minute of one person, sixty of one address."""
    device = await Device(strict).begin()
    async with strict.browser() as browser:
        guesser = Person(strict, browser)
        form = hidden_fields((await open_device_page(guesser)).text)

        async def guess(code: str) -> httpx2.Response:
            return await browser.post("/device", data=form | {"user_code": code})

        tries = await asyncio.gather(*(guess(f"BCDFGHJ{each}") for each in "BCDFGHJKLMNPQRS"))
        assert sorted(each.status_code for each in tries) == [400] * 10 + [429] * 5
        right = await guess(device.user_code)
        assert right.status_code == 429, "the right one is not told from the others then"
        assert right.headers["retry-after"]
        link = await browser.get(device.link)
        assert link.status_code == 429, "the link is no other door"
        strict.clock.turn(60)
        assert (await guess(device.user_code)).status_code == 200


async def test_many_accounts_guess_no_faster_from_one_address(strict: Installation) -> None:
    tried = list[int]()
    for number in range(8):
        email = f"guesser{number}@example.com"
        await strict.add_user(email)
        async with strict.browser() as browser:
            guesser = Person(strict, browser, email)
            form = hidden_fields((await open_device_page(guesser)).text)
            for _ in range(10):
                answer = await browser.post("/device", data=form | {"user_code": "BCDFGHJK"})
                tried.append(answer.status_code)
    assert tried == [400] * 60 + [429] * 20


async def test_strangers_look_nothing_up(house: Installation) -> None:
    """Whoever is not signed in learns of no code whether it is right."""
    device = await Device(house).begin()
    async with house.browser() as browser:
        right = await browser.get(device.link)
        wrong = await browser.get("/device?user_code=BCDF-GHJK")
        assert right.status_code == wrong.status_code == 303
        assert right.headers["location"].startswith("/sign-in?next=device&user_code=")


async def test_neither_code_is_kept(house: Installation, ada: Person) -> None:
    """Whoever steals the database can let nobody in, and is let in nowhere."""
    device = await Device(house).begin()
    plain = read(device.user_code) or ""
    values = await values_of(house.authority.settings)
    for code in (device.user_code, plain, device.told["device_code"]):
        assert code.encode() not in values
        assert not any(code.encode() in value for value in values)
    assert not any(_sha256(code) in values for code in (plain, device.user_code)), "it is keyed"


def _sha256(text: str) -> bytes:
    from hashlib import sha256

    return sha256(text.encode()).digest()


@pytest.mark.parametrize("client_id", ["tv", "box"])
async def test_of_fifty_polls_at_once_one_gets_tokens_and_keeps_them(
    house: Installation, ada: Person, client_id: str
) -> None:
    device = await Device(house, client_id).begin()
    await let_in(ada, device)
    answers = await asyncio.gather(*(device.poll() for _ in range(50)))
    given = [each.json() for each in answers if each.status_code == 200]
    others = {each.json()["error"] for each in answers if each.status_code != 200}
    assert len(given) == 1
    assert others == {"slow_down"}, "nobody was taken for a thief"
    assert await is_active_family(house, given[0]["refresh_token"], device)


async def is_active_family(house: Installation, refresh_token: str, device: Device) -> bool:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return (await device.post("/token", **form)).status_code == 200


async def test_a_replayed_code_ends_all_that_came_of_it_however_late(
    house: Installation, ada: Person
) -> None:
    """After its own row was swept, too: the row of the taken code stays with the family."""
    device = await Device(house).begin(scope="openid offline_access notes:read")
    await let_in(ada, device)
    tokens = await device.tokens()
    house.clock.turn(2000)
    await house.authority.store.transact(lambda tx: tx.sweep(1000))
    answer = await device.poll()
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert answer.json()["error_reason"] == "used_up"
    assert not await is_active_family(house, tokens["refresh_token"], device)
    events = await house.authority.store.read(lambda tx: tx.events.latest(5))
    assert EventKind.CODE_REPLAYED in [each.kind for each in events]


async def test_another_client_gets_nothing_and_disturbs_nothing(
    house: Installation, ada: Person
) -> None:
    """A stolen device code is worth nothing to another client, before and after."""
    device = await Device(house, "box").begin()
    thief = Device(house, "tv")
    thief.told = device.told
    assert await thief.error() == "invalid_grant"
    assert await device.error() == "authorization_pending", "and has not hurried the owner"
    await let_in(ada, device)
    for _ in range(5):
        assert await thief.error() == "invalid_grant"
    house.clock.turn(5)
    tokens = await device.tokens()
    assert await thief.error() == "invalid_grant"
    assert await is_active(house, tokens["access_token"]), "and has not ended what came of it"


@pytest.mark.parametrize("other", ["authorization_code", "refresh_token"])
async def test_a_device_code_is_no_other_code(house: Installation, ada: Person, other: str) -> None:
    """S75: one kind of secret is never taken for another."""
    await house.add_client(
        f"both-{other.replace('_', '-')}",
        public=True,
        grant_types=(DEVICE_CODE, "authorization_code", "refresh_token"),
        redirect_uris=("https://app.example/callback",),
        scopes=frozenset({"notes:read"}),
    )
    device = await Device(house, f"both-{other.replace('_', '-')}").begin(scope="notes:read")
    await let_in(ada, device)
    code = device.told["device_code"]
    form = {"code": code, "refresh_token": code, "code_verifier": "v" * 43}
    answer = await device.post("/token", grant_type=other, **form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_an_authorization_code_is_no_device_code(house: Installation, ada: Person) -> None:
    device = Device(house, "tv")
    device.told = {"device_code": await ada.code()}
    assert await device.error() == "invalid_grant"


async def test_a_flood_of_polls_costs_its_sender_and_nobody_else(
    house: Installation, ada: Person
) -> None:
    """Each poll changes one row; the interval grows, to a minute at most."""
    device, other = await Device(house).begin(), await Device(house).begin()
    for _ in range(30):
        await device.poll()
    house.clock.turn(30)
    assert await device.error() == "slow_down"
    assert await other.error() == "authorization_pending"
    await let_in(ada, device)
    house.clock.turn(60)
    await device.tokens()


@pytest.mark.parametrize("csrf", [None, "", "x", "A" * 32, "ü"])
@pytest.mark.parametrize("decision", ["find", "allow", "deny"])
async def test_a_form_of_another_site_answers_nothing(
    house: Installation, ada: Person, csrf: str | None, decision: str
) -> None:
    """S74: nobody lets a device in behind the back of the person."""
    device = await Device(house).begin()
    await open_device_page(ada)
    form = {"user_code": device.user_code, "decision": decision, "permission": "openid"}
    form |= {"csrf": csrf} if csrf is not None else {}
    assert (await ada.browser.post("/device", data=form)).status_code == 403
    assert await device.error() == "authorization_pending"


async def test_our_own_form_sent_from_another_site_answers_nothing(
    house: Installation, ada: Person
) -> None:
    device = await Device(house).begin()
    form = hidden_fields((await open_device_page(ada, device.link)).text)
    foreign = {"sec-fetch-site": "cross-site"}
    sent = form | {"decision": "allow", "permission": "openid"}
    assert (await ada.browser.post("/device", data=sent, headers=foreign)).status_code == 403
    assert await device.error() == "authorization_pending"


async def test_a_link_answers_nothing(house: Installation, ada: Person) -> None:
    """An image, a prefetch or a click lets nobody in, whatever stands in the link."""
    device = await Device(house).begin()
    await open_device_page(ada)
    page = await ada.browser.get(f"{device.link}&decision=allow&permission=openid")
    assert page.status_code == 200
    assert await device.error() == "authorization_pending"


async def test_the_attackers_session_is_worth_nothing_in_the_victims_browser(
    house: Installation, ada: Person
) -> None:
    """Session fixation: the form is of one session, and signing in makes a new one."""
    await house.add_user("mallory@example.com")
    device = await Device(house).begin()
    async with house.browser() as browser:
        mallory = Person(house, browser, "mallory@example.com")
        planted = hidden_fields((await open_device_page(mallory, device.link)).text)
    await open_device_page(ada)
    sent = planted | {"decision": "allow", "permission": "openid"}
    assert (await ada.browser.post("/device", data=sent)).status_code == 403
    assert await device.error() == "authorization_pending"


async def test_a_form_of_the_session_before_does_not_answer_in_the_new_one(
    house: Installation, ada: Person
) -> None:
    """Whoever signs out and in as another answers a page that was made for them."""
    device = await Device(house).begin()
    page = await open_device_page(ada, device.link)
    await house.add_user("grace@example.com")
    switched = await decide(ada, page, "switch")
    await ada.sign_in(switched, "grace@example.com")
    assert (await decide(ada, page)).status_code == 403
    assert await device.error() == "authorization_pending"


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example", "device/../x", "x"])
async def test_signing_in_leads_nowhere_else(house: Installation, onward: str) -> None:
    """CWE-601: `next` is one word of ours."""
    async with house.browser() as browser:
        page = await browser.get("/sign-in", params={"next": onward, "user_code": "//evil"})
        form = hidden_fields(page.text)
        assert "next" not in form
        sent = form | {"email": "ada@example.com", "password": "correct horse battery staple"}
        answer = await browser.post("/sign-in", data=sent | {"next": onward})
        assert answer.headers["location"] == "/account/apps"


async def test_a_code_that_is_none_stays_in_the_query(house: Installation) -> None:
    async with house.browser() as browser:
        answer = await browser.get("/device", params={"user_code": "x&next=y#/../"})
        assert answer.headers["location"].endswith("user_code=x%26next%3Dy%23%2F..%2F")


async def test_a_person_who_is_sent_a_link_sees_who_asked_from_where(
    house: Installation, ada: Person
) -> None:
    """RFC 8628 §5.4, remote phishing: what a person can know stands on the page."""
    attacker = Device(house, **{"x-forwarded-for": "198.51.100.66", "user-agent": "curl/8.5"})
    await attacker.begin()
    house.clock.turn(180)
    ada.browser.headers["x-forwarded-for"] = "203.0.113.7"
    page = (await open_device_page(ada, attacker.link)).text
    assert "Only go on if you see this code on your own device." in page
    assert "<bdi>198.51.100.66</bdi>, and this browser has another address" in page
    assert "3 minutes ago" in page
    assert "<bdi>Tv</bdi>" in page
    assert "<bdi>curl</bdi>" in page


async def test_of_many_answers_at_once_one_counts(house: Installation, ada: Person) -> None:
    device = await Device(house).begin()
    page = await open_device_page(ada, device.link)
    answers = await asyncio.gather(
        *(decide(ada, page, ["allow", "deny"][n % 2]) for n in range(10))
    )
    assert sorted(each.status_code for each in answers) == [200] + [400] * 9
    [first] = [each for each in answers if each.status_code == 200]
    answer = await device.poll()
    assert (answer.status_code == 200) == ("connected" in first.text)


async def test_an_answer_that_comes_with_the_expiry_gives_nothing(
    house: Installation, ada: Person
) -> None:
    device = await Device(house).begin()
    page = await open_device_page(ada, device.link)
    grants = await _grants(ada)
    house.clock.turn(600)
    assert (await decide(ada, page)).status_code == 400
    assert await _grants(ada) == grants, "and no permission was made"


async def _grants(person: Person) -> list[Any]:
    store = person.installation.authority.store
    return await store.read(lambda tx: tx.grants.of_user(person.user_id))


@pytest.mark.parametrize("state", ["open", "answered"])
async def test_whoever_may_not_any_more_gets_nothing(
    house: Installation, ada: Person, state: str
) -> None:
    """A client that was disabled, or is not registered for it any more, is let in nowhere."""
    members = {"grant_types": (DEVICE_CODE,), "scopes": frozenset({"notes:read"}), "public": True}
    await house.add_client(f"gone-{state}", **members)
    device = await Device(house, f"gone-{state}").begin(scope="notes:read")
    if state == "answered":
        await let_in(ada, device)
    await house.authority.store.transact(lambda tx: tx.clients.disable(f"gone-{state}", tx.now))
    if state == "open":
        assert (await type_code(ada, device.user_code)).status_code == 400
    assert (await device.poll()).status_code == 401


async def test_requests_of_devices_do_not_fill_the_disk(tmp_path: Path) -> None:
    """A ceiling for all, a rate for each address, and what has expired goes."""
    bounds = {"device_requests_most": 5, "device_rate_per_minute": 8}
    async with installed(tmp_path, **bounds, trusted_proxies=("127.0.0.1",)) as place:
        await add_device_clients(place)

        async def ask(address: str) -> httpx2.Response:
            return await Device(place, **{"x-forwarded-for": address}).ask()

        flood = [await ask("198.51.100.66") for _ in range(10)]
        assert [each.status_code for each in flood] == [200] * 5 + [503] * 3 + [429] * 2
        assert flood[6].json()["error"] == "temporarily_unavailable"
        assert flood[6].headers["retry-after"]
        assert (await ask("203.0.113.7")).status_code == 503
        place.clock.turn(600 + 300)
        await place.authority.store.transact(lambda tx: tx.sweep(100))
        assert (await ask("203.0.113.7")).status_code == 200


async def test_a_stolen_device_code_is_worth_nothing_without_the_key(
    house: Installation, ada: Person
) -> None:
    """RFC 9449 §10: the key that the request named is proved by whoever fetches the tokens."""
    holder = Holder()
    device = await Device(house, "tv").begin(dpop_jkt=holder.thumbprint)
    await let_in(ada, device)
    form = {"grant_type": DEVICE_CODE, "device_code": device.told["device_code"]}
    for thief in (App(house, "tv"), None):
        answer = await (thief.ask(**form) if thief else device.poll())
        assert answer.json()["error_reason"] == "wrong_binding", answer.text
    owner = App(house, "tv", holder)
    answer = await owner.ask(**form)
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "DPoP"
    refresh_token = answer.json()["refresh_token"]
    assert (await App(house, "tv").refresh(refresh_token)).status_code == 400
    assert (await owner.refresh(refresh_token)).status_code == 200


async def test_what_ends_with_the_browsers_session_does_so(
    house: Installation, ada: Person
) -> None:
    """Without offline_access a device goes on as long as the session that let it in."""
    device = await Device(house, "box").begin()
    await let_in(ada, device)
    tokens = await device.tokens()
    page = await ada.browser.get("/")
    await ada.browser.post("/account/sign-out", data=hidden_fields(page.text))
    assert not await is_active(house, tokens["access_token"])
