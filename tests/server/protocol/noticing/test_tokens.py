"""Tokens that are used elsewhere: told, doubted or ended, as client, API and settings say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.explain import explain
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction
from tests.installation import EMAIL, NOTES, Installation, Person, hidden_fields
from tests.noticing import (
    FAR,
    HOME,
    OFFICE,
    browser_at,
    in_the_world,
    noticed,
)
from tests.recoveries import mail_for
from tests.reporting import add_guard, told, used
from tests.second_factors import is_in

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def app_at_home(
    data: Path, client_id: str = "app", **settings: Any
) -> AsyncIterator[tuple[Installation, Person, dict[str, Any]]]:
    """An installation with a guard that reports; Ada at home, with an app's tokens."""
    async with in_the_world(data, **settings) as place:
        await add_guard(place)
        async with browser_at(place, HOME) as browser:
            person = Person(place, browser)
            code = await person.code(client_id)
            form = {"code": code, "code_verifier": person.verifier}
            form |= {"redirect_uri": "https://app.example/callback"}
            tokens = await token(place, HOME, client_id, grant_type="authorization_code", **form)
            assert tokens.status_code == 200, tokens.text
            place.clock.turn(200)
            yield place, person, tokens.json()


async def token(place: Installation, address: str, client_id: str, **form: str) -> httpx2.Response:
    """A request of the token endpoint from somewhere."""
    async with browser_at(place, address) as client:
        if client_id in place.secrets:
            client.auth = (client_id, place.secrets[client_id])
        else:
            form |= {"client_id": client_id}
        return await client.post("/token", data=form)


async def refresh(
    place: Installation, address: str, tokens: dict[str, Any], client_id: str = "spa"
) -> httpx2.Response:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return await token(place, address, client_id, **form)


async def in_both(place: Installation, access_token: str, one: str, other: str) -> None:
    await used(place, access_token, one, -60, 0)
    await used(place, access_token, other, -30)


async def refusal(place: Installation, access_token: str) -> Reason | None:
    read = await place.authority.reader.read(access_token, place.clock())
    return read if isinstance(read, Reason) else None


async def set_policy(place: Installation, **policy: Any) -> None:
    async def work(tx: Transaction) -> None:
        client = await tx.clients.find("app")
        assert client is not None
        wanted = replace(client, policy=replace(client.policy, **policy))
        await registration.update_client(tx, wanted, CLI, development=True)

    await place.authority.store.transact(work)


async def test_far_apart_is_told_by_mail_and_nothing_ends(tmp_path: Path):
    """S106: as the settings say where nobody chose."""
    async with app_at_home(tmp_path) as (place, _, tokens):
        await in_both(place, tokens["access_token"], HOME, FAR)
        [event] = await told(place)
        assert event.detail["score"] == "90"
        assert event.detail["done"] == "tell"
        assert "16054 km apart" in event.detail["reasons"]
        assert await refusal(place, tokens["access_token"]) is None
        [letter] = await mail_for(place, EMAIL)
        assert "The app App" in letter
        assert f"From: Sydney, Australia ({FAR})" in letter
        assert f"And from: Berlin, Germany ({HOME})" in letter
        assert f"about=family:{event.detail['family_id']}" in letter


async def test_where_a_setting_chooses_it_ends(tmp_path: Path):
    """S107: with its family, and explain says why."""
    rules = {"notice_token_in_two_places": ["tell:70", "end:90"]}
    async with app_at_home(tmp_path, **rules) as (place, _, tokens):
        await in_both(place, tokens["access_token"], HOME, OFFICE)
        assert await refusal(place, tokens["access_token"]) is None, "a town nearby"
        await used(place, tokens["access_token"], FAR, -40, -10)
        assert await refusal(place, tokens["access_token"]) is Reason.REVOKED
        assert (await told(place))[0].detail["done"] == "end tell"
        found = await explain(place.authority, tokens["access_token"])
        sentences = {step.check: step.sentence for step in found.steps}
        assert "guards saw it used in two places at once" in sentences["authorization"]


async def test_where_the_client_chooses_far_apart_ends(tmp_path: Path):
    """S107: and near does not, as it would with ``end``."""
    async with app_at_home(tmp_path) as (place, _, tokens):
        await set_policy(place, in_two_places="end_far")
        await in_both(place, tokens["access_token"], HOME, OFFICE)
        assert await refusal(place, tokens["access_token"]) is None
        await used(place, tokens["access_token"], FAR, -40, -10)
        assert await refusal(place, tokens["access_token"]) is Reason.REVOKED


async def test_where_the_api_chooses_far_apart_ends(tmp_path: Path):
    """S107."""
    async with app_at_home(tmp_path) as (place, _, tokens):
        await place.set_policy(NOTES, far_apart="end")
        await in_both(place, tokens["access_token"], HOME, OFFICE)
        assert await refusal(place, tokens["access_token"]) is None
        await used(place, tokens["access_token"], FAR, -40, -10)
        assert await refusal(place, tokens["access_token"]) is Reason.REVOKED


async def test_a_token_without_a_person_ends_alone(tmp_path: Path):
    """S107: there is nobody to tell."""
    rules = {"notice_token_in_two_places": ["tell:70", "end:90"]}
    async with in_the_world(tmp_path, **rules) as place:
        await add_guard(place)
        one, sibling = await place.service_token(), await place.service_token()
        place.clock.turn(200)
        await in_both(place, one, HOME, FAR)
        assert await refusal(place, one) is Reason.REVOKED
        assert await refusal(place, sibling) is None


async def test_a_doubted_session_signs_in_anew(tmp_path: Path):
    """S107: its pages and the next authorization ask; then it goes on, under another secret."""
    rules = {"notice_token_in_two_places": ["step_up:70"]}
    async with app_at_home(tmp_path, **rules) as (place, person, tokens):
        assert await is_in(person)
        await in_both(place, tokens["access_token"], HOME, FAR)
        assert not await is_in(person)
        page = await person.open()
        assert 'name="password"' in page.text
        silent = await person.open(prompt="none")
        assert "login_required" in silent.headers["location"]
        page = await person.open()
        after = await person.sign_in(page)
        assert after.status_code == 303
        assert await is_in(person)
        assert await refusal(place, tokens["access_token"]) is None, "the session is the same"


async def test_a_refresh_from_the_other_side_is_told(tmp_path: Path):
    """S106, S107: one family, two places; the event has the score, and nothing ends unasked."""
    async with app_at_home(tmp_path, "spa") as (place, _, tokens):
        answer = await refresh(place, FAR, tokens)
        assert answer.status_code == 200
        [event] = await noticed(place, EventKind.REFRESHED_ELSEWHERE)
        assert int(event.detail["score"]) >= 90
        assert event.detail["refreshed_before_from"] == HOME
        assert event.address == FAR
        [letter] = await mail_for(place, EMAIL)
        assert "The app Spa" in letter


async def test_a_refresh_from_the_other_side_ends_where_it_is_chosen(tmp_path: Path):
    """S107: it is refused, and what was issued before is dead too."""
    rules = {"notice_refreshed_elsewhere": ["end:90"]}
    async with app_at_home(tmp_path, "spa", **rules) as (place, _, tokens):
        answer = await refresh(place, FAR, tokens)
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_grant"
        assert await refusal(place, tokens["access_token"]) is Reason.REVOKED
        assert (await refresh(place, HOME, tokens)).status_code == 400
        found = await explain(place.authority, tokens["access_token"])
        sentences = " ".join(step.sentence for step in found.steps)
        assert "it was refreshed from further away than anybody travels" in sentences


@pytest.mark.parametrize(
    ("address", "wait"), [(OFFICE, 0), (FAR, 24 * 3600), ("192.0.2.200", 0), ("10.1.1.1", 0)]
)
async def test_a_phone_may_move(tmp_path: Path, address: str, wait: int):
    """Between networks, to the next town, by plane, and to where nothing is known."""
    rules = {"notice_refreshed_elsewhere": ["end:1"]}
    async with app_at_home(tmp_path, "spa", **rules) as (place, _, tokens):
        place.clock.turn(wait)
        assert (await refresh(place, address, tokens)).status_code == 200
        assert await noticed(place, EventKind.REFRESHED_ELSEWHERE) == []


async def test_an_app_in_a_cloud_may_be_anywhere(tmp_path: Path):
    """A confidential client refreshes from its own machines, not from its person's."""
    rules = {"notice_refreshed_elsewhere": ["end:1"]}
    async with app_at_home(tmp_path, "app", **rules) as (place, _, tokens):
        assert (await refresh(place, FAR, tokens, "app")).status_code == 200


async def test_it_ends_by_the_form_behind_the_letter(tmp_path: Path):
    """S38, S106: whose app it is says that it was not them."""
    async with app_at_home(tmp_path, "spa") as (place, person, tokens):
        assert (await refresh(place, FAR, tokens)).status_code == 200
        [letter] = await mail_for(place, EMAIL)
        link = next(word for word in letter.split() if "/account/not-me" in word)
        page = await person.browser.get(link)
        form = hidden_fields(page.text) | {"current": "correct horse battery staple"}
        form |= dict.fromkeys(("new", "again"), "a password of her own, and long")
        done = await person.browser.post("/account/not-me", data=form)
        assert done.status_code == 200, done.text
        assert await refusal(place, tokens["access_token"]) is Reason.REVOKED


async def test_off_is_not_looked_for(tmp_path: Path):
    """Neither written down nor told; what a client's own policy ends does, and is written down."""
    rules = {"notice_token_in_two_places": ["off"]}
    async with app_at_home(tmp_path, **rules) as (place, _, tokens):
        await in_both(place, tokens["access_token"], HOME, FAR)
        assert await told(place) == []
        assert await mail_for(place, EMAIL) == []
        await set_policy(place, in_two_places="end")
        await used(place, tokens["access_token"], OFFICE, -40, -10)
        assert [event.detail["done"] for event in await told(place)] == ["end"]
        assert await refusal(place, tokens["access_token"]) is Reason.REVOKED
