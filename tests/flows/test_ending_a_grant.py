"""Flow (e): something is ended in one process, and a guard in another says no."""

import os
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator

import anyio
import httpx2
import pytest

from counterfoil.guard import Guard
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.store import Transaction
from tests.engines import environment_of
from tests.flows.serving import START, fresh, refusal_of, served
from tests.installation import NOTES, Installation, Person, endings_in, hidden_fields

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("data")) as place:
        yield place


@pytest.fixture(scope="module")
def guard(place: Installation) -> Iterator[Guard]:
    with Guard(issuer=place.issuer, audience=NOTES) as guard:
        yield guard


async def press(person: Person, verb: str, room: str = "apps") -> httpx2.Response:
    """Press the one button of a page of the account whose verb is this, and confirm."""
    page = await person.browser.get(f"/account/{room}")
    (action,) = [each for each in endings_in(page.text) if re.search(verb, each)]
    asked = await person.browser.get(action)
    return await person.browser.post(action, data=hidden_fields(asked.text))


async def test_a_person_removes_an_app(
    place: Installation, guard: Guard, person: Person, visitor: Person
):
    """S03: the app's next call fails; S46: with every token under the grant, on all devices."""
    await fresh(guard)
    here, there = await person.tokens(), await visitor.tokens()
    for tokens in (here, there):
        assert guard.check(tokens["access_token"]).subject == person.user_id
    begun = time.monotonic()
    answer = await press(person, "/grant/")
    assert "2 sessions of apps ended." in answer.text
    for tokens in (here, there):
        assert (await refusal_of(guard, tokens["access_token"])).reason is Reason.REVOKED
    assert time.monotonic() - begun < 2
    page = await person.browser.get("/account/apps")
    assert "No apps yet" in page.text


async def test_a_removed_app_has_to_ask_again(place: Installation, person: Person):
    """S03: nothing is remembered of the permission; S46: a new grant brings back no old token."""
    tokens = await person.tokens()
    await press(person, "/grant/")
    page = await person.open()
    assert page.status_code == 200
    assert "Already allowed" not in page.text
    await person.allow(page)
    said = (await place.post("/introspect", "app", token=tokens["access_token"])).json()
    assert said == {"active": False}


async def test_signing_out_of_an_app_keeps_its_permission(
    place: Installation, guard: Guard, person: Person
):
    """S44: all that was issued earlier is cut off at one stroke; the permission stays."""
    await fresh(guard)
    tokens = await person.tokens()
    guard.check(tokens["access_token"])
    await press(person, "/app_sessions/")
    assert (await refusal_of(guard, tokens["access_token"])).reason is Reason.REVOKED
    again = await person.tokens()
    assert guard.check(again["access_token"]).subject == person.user_id


async def test_one_session_ends_and_the_others_go_on(
    place: Installation, guard: Guard, person: Person, visitor: Person
):
    """S04: the session is not the grant; S05: one machine out, the other stays in."""
    await fresh(guard)
    here, there = await person.tokens(), await visitor.tokens()
    family = guard.check(here["access_token"]).family
    await press(person, f"/family/{family}$")
    assert (await refusal_of(guard, here["access_token"])).reason is Reason.REVOKED
    assert guard.check(there["access_token"]).subject == person.user_id


async def test_signing_out_here_ends_what_was_signed_in_here(
    place: Installation, guard: Guard, person: Person, visitor: Person
):
    """S39: a stolen copy is refused after the sign-out; S05: the other machine is untouched."""
    await fresh(guard)
    here, there = await person.tokens(), await visitor.tokens()
    guard.check(here["access_token"])
    page = await person.browser.get("/account/apps")
    await person.browser.post("/account/sign-out", data=hidden_fields(page.text))
    assert (await refusal_of(guard, here["access_token"])).reason is Reason.REVOKED
    assert guard.check(there["access_token"]).subject == person.user_id


async def test_an_administrator_ends_a_grant_from_the_command_line(
    place: Installation, guard: Guard, person: Person
):
    """S40: an ending by a third process reaches the guard through the server's feed."""
    await fresh(guard)
    tokens = await person.tokens()
    guard.check(tokens["access_token"])
    grants = await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    await run_cli(place, "grant", "end", grants[0].id, "--yes")
    assert (await refusal_of(guard, tokens["access_token"])).reason is Reason.REVOKED


async def test_a_lost_token_is_ended_by_its_fingerprint(place: Installation, guard: Guard):
    """S48: whoever ends it does not hold it; the fingerprint stands in every log and refusal."""
    await fresh(guard)
    token = await place.service_token()
    fingerprint = guard.check(token).fingerprint
    await run_cli(place, "token", "end", "--jti", fingerprint, "--yes")
    rejected = await refusal_of(guard, token)
    assert rejected.reason is Reason.REVOKED
    assert rejected.fingerprint == fingerprint


async def run_cli(place: Installation, *command: str) -> None:
    data = place.authority.settings.data
    line = [sys.executable, "-c", START, *command, "--data", str(data)]
    await anyio.run_process(line, env={**os.environ, **environment_of(data)})


async def test_all_tokens_of_a_client_end_with_its_generation(place: Installation, guard: Guard):
    """S44: one notice ends them all, without a row for any of them."""
    await fresh(guard)
    await place.add_client("leaky")
    tokens = [await place.service_token("leaky") for _ in range(5)]
    for token in tokens:
        guard.check(token)
    before = (await head(place)).number
    await place.authority.store.transact(
        lambda tx: revocation.end_everything_of_client(tx, "leaky", CLI)
    )
    for token in tokens:
        assert (await refusal_of(guard, token)).reason is Reason.REVOKED
    assert (await head(place)).number == before + 1
    assert guard.check(await place.service_token("leaky")).client_id == "leaky"
    assert guard.check(await place.service_token()).client_id == "service"


async def head(place: Installation):
    async def work(tx: Transaction):
        return (await tx.notices.head())[0]

    return await place.authority.store.read(work)
