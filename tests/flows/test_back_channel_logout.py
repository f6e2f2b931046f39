"""Whoever signs out here is signed out of apps too: these are told, by a token that they verify."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.jose.jwt import Verifier
from counterfoil.jose.keys import KeySet
from counterfoil.oauth import logout_token
from counterfoil.oauth.logout_token import Between, Ended
from tests.installation import CALLBACK, Installation, Person, hidden_fields, restarted
from tests.receiving import PATIENCE, POSTPONED, Receiver, hearing, receiver

pytestmark = pytest.mark.anyio


@pytest.fixture
def listening() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


@pytest.fixture
async def app(place: Installation, person: Person, listening: Receiver) -> str:
    """An app that listens; the person has signed in to it."""
    client_id = f"listening-{person.user_id}"
    await place.add_client(
        client_id,
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=(CALLBACK,),
        scopes=frozenset({"openid", "notes:read"}),
        backchannel_logout_uri=listening.url,
    )
    await person.tokens(client_id)
    return client_id


async def verified(place: Installation, token: str, client_id: str) -> Ended:
    """Read a token as an app does: by the keys that are published."""
    async with place.browser() as browser:
        keys = KeySet.from_jwks((await browser.get("/jwks.json")).json())
    claims = Verifier(keys, logout_token.TYPE).verify(token).claims
    return logout_token.read(claims, Between(place.issuer, client_id), int(place.clock()))


async def next_of(listening: Receiver) -> str:
    return await asyncio.to_thread(listening.next)


async def sign_out(person: Person) -> None:
    page = await person.browser.get("/logout")
    form = hidden_fields(page.text) | {"decision": "logout"}
    assert (await person.browser.post("/logout", data=form)).status_code == 303


async def session_of(place: Installation, person: Person) -> str:
    (session,) = await place.authority.store.read(lambda tx: tx.sessions.of_user(person.user_id))
    return session.id


async def test_an_app_is_told_that_its_session_has_ended(
    place: Installation, person: Person, app: str, listening: Receiver
):
    """S114: by a token that it verifies with the published keys."""
    session = await session_of(place, person)
    await sign_out(person)
    ended = await verified(place, await next_of(listening), app)
    assert (ended.sub, ended.sid) == (person.user_id, session)


async def test_what_waits_is_told_by_whoever_serves_next(
    place: Installation, person: Person, app: str, listening: Receiver
):
    """The app was away; the server is started anew meanwhile."""
    listening.status = 503
    with hearing(POSTPONED) as postponed:
        await sign_out(person)
        await asyncio.wait_for(postponed.wait(), PATIENCE)
    await next_of(listening)
    listening.status = 200
    place.clock.turn(3600)
    async with restarted(place) as again:
        ended = await verified(again, await next_of(listening), app)
    assert ended.sub == person.user_id
    assert len(listening.tokens) == 2


async def test_an_administrator_registers_where_an_app_listens(place: Installation):
    asked: dict[str, Any] = {
        "grant_types": ("authorization_code",),
        "redirect_uris": (CALLBACK,),
        "scopes": frozenset({"openid"}),
    }
    uri = "https://app.example/logged-out"
    await place.add_client(
        "told", backchannel_logout_uri=uri, backchannel_logout_session_required=True, **asked
    )
    found = await place.authority.store.read(lambda tx: tx.clients.find("told"))
    assert found is not None
    assert (found.backchannel_logout_uri, found.backchannel_logout_session_required) == (uri, True)
