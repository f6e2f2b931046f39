"""Found secrets: each kind ends at once, and whoever reports one learns nothing (S11)."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from counterfoil.oauth.opaque import Kind, is_spelled, spell
from counterfoil.server.protocol.leak_reports import Report
from counterfoil.server.records.event import Event, EventKind, EventQuery
from tests.encryption import with_pair
from tests.installation import NOTES, Installation, Person, installed, token_request
from tests.recoveries import ask, open_link, token_for
from tests.server.protocol.test_personal_tokens import make

pytestmark = pytest.mark.anyio
URL = "https://pastes.example/raw/1"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        await place.set_policy(NOTES, personal_tokens=True)
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


@pytest.fixture
async def person(place: Installation) -> AsyncIterator[Person]:
    async with place.browser() as browser:
        yield Person(place, browser)


async def report(place: Installation, body: Any) -> httpx2.Response:
    async with place.browser() as browser:
        return await browser.post("/leaked-secrets", json=body)


async def told(place: Installation) -> list[Event]:
    query = EventQuery(kind=EventKind.SECRET_REPORTED)
    return await place.authority.store.read(lambda tx: tx.events.find(query))


async def active(place: Installation, token: str) -> bool:
    answer = await place.post("/introspect", "guard", token=token)
    return bool(answer.json()["active"])


async def test_a_personal_token_ends_and_says_where_it_was_found(place: Installation):
    made, sibling = await make(place), await make(place)
    found = {"token": made.secret.reveal(), "type": "cfpt", "url": URL, "source": "scanner"}
    answer = await report(place, found)
    assert (answer.status_code, answer.json()) == (202, {"received": 1})
    assert not await active(place, made.secret.reveal())
    assert await active(place, sibling.secret.reveal())
    token = await place.authority.store.read(
        lambda tx: tx.personal_tokens.find_by_id(made.token.id)
    )
    assert token is not None
    assert (token.ended_why, token.found_at) == ("reported", URL)
    (event,) = await told(place)
    assert event.subject == made.token.id
    assert event.detail == {
        "what": "personal_token",
        "found_at": URL,
        "source": "scanner",
        "user_id": made.token.user_id,
    }


async def test_a_signed_access_token_ends_and_its_siblings_stand(place: Installation):
    leaked, sibling = await place.service_token(), await place.service_token()
    await report(place, {"token": f" {leaked}\n"})
    assert (await active(place, leaked), await active(place, sibling)) == (False, True)
    assert [event.detail["found_at"] for event in await told(place)] == [
        "a place that was not named"
    ]


async def test_a_link_in_a_mail_ends(place: Installation, person: Person):
    """It lies in logs of proxies and in mailboxes, and opens an account for an hour."""
    await ask(person.browser, person.email)
    leaked = await token_for(place, person.email)
    await report(place, {"token": leaked, "url": URL})
    assert (await open_link(person.browser, leaked)).status_code == 410
    (event,) = await told(place)
    assert (event.detail["what"], event.detail["user_id"]) == ("action_token", person.user_id)
    assert person.user_id != event.subject
    await report(place, {"token": leaked})
    assert len(await told(place)) == 1


async def test_an_encrypted_access_token_ends_as_any_other(place: Installation):
    await with_pair(place)
    await place.set_policy(NOTES, encryption=True)
    leaked, sibling = await place.service_token(), await place.service_token()
    assert leaked.count(".") == 4
    await report(place, {"token": leaked})
    assert (await active(place, leaked), await active(place, sibling)) == (False, True)


async def test_a_reference_token_ends(place: Installation):
    await place.set_policy(NOTES, token_format="reference")
    leaked = await place.service_token()
    await report(place, {"token": leaked})
    assert not await active(place, leaked)


async def test_a_refresh_token_ends_its_family_used_or_not(place: Installation, person: Person):
    for used in (False, True):
        tokens = await person.tokens()
        if used:
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
            assert (await token_request(place, "app", **form)).status_code == 200
        await report(place, {"token": tokens["refresh_token"]})
        assert not await active(place, tokens["access_token"])
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await token_request(place, "app", **form)).json()["error"] == "invalid_grant"
    assert [event.detail["what"] for event in await told(place)] == ["family", "family"]


async def test_a_clients_secret_ends_with_what_it_may_have_opened(place: Installation):
    token = await place.service_token()
    await report(place, {"token": place.secrets["service"]})
    assert not await active(place, token)
    answer = await place.post("/token", "service", grant_type="client_credentials")
    assert answer.json()["error"] == "invalid_client"
    (event,) = await told(place)
    assert (event.detail["what"], event.detail["client_id"]) == ("client_secret", "service")


async def test_a_sessions_cookie_signs_that_browser_out(place: Installation, person: Person):
    await person.tokens()
    (secret,) = [value for value in person.browser.cookies.values() if value.startswith("cfse_")]
    await report(place, {"token": secret})
    assert (await person.browser.get("/account/apps")).status_code == 303


async def test_many_are_ended_at_once_and_the_answer_counts_what_was_sent(place: Installation):
    made = [await make(place) for _ in range(3)]
    texts = [each.secret.reveal() for each in made]
    nothing = spell(Kind.PERSONAL_TOKEN, bytes(32)).reveal()
    answer = await report(place, [{"token": text} for text in (*texts, nothing, "nonsense")])
    assert answer.json() == {"received": 5}
    assert [await active(place, text) for text in texts] == [False] * 3
    assert len(await told(place)) == 3


async def test_what_has_ended_ends_no_second_time(place: Installation):
    text = (await make(place)).secret.reveal()
    first = await report(place, {"token": text, "url": URL})
    version = place.authority.store.version()
    second = await report(place, {"token": text, "url": "https://other.example"})
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert len(await told(place)) == 1
    assert place.authority.store.version() == version


async def test_the_published_patterns_fit_what_is_made(place: Installation, person: Person):
    """Whoever scans for leaks finds ours by them, and knows chance hits by the checksum."""
    async with place.browser() as browser:
        document = (await browser.get("/.well-known/counterfoil-secrets")).json()
    assert document["report_endpoint"] == f"{place.issuer}/leaked-secrets"
    patterns = {each["kind"]: each["pattern"] for each in document["secrets"]}
    tokens = await person.tokens()
    shown = {
        "personal_token": (await make(place)).secret.reveal(),
        "refresh_token": tokens["refresh_token"],
        "client_secret": place.secrets["service"],
    }
    for kind, text in shown.items():
        (hit,) = re.findall(patterns[kind], f"TOKEN={text}; other=1")
        assert hit == text
        assert is_spelled(Kind[kind.upper()], hit)


def test_a_report_does_not_show_itself():
    assert repr(Report("cfpt_secret")) == "Report(…)"
