"""My account, one's own data: a file for nobody else, soon after the sign-in alone."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.server.pages.own_data import _document
from counterfoil.server.protocol import own_data, revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.session import Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person as SignedIn
from tests.installation import Installation, Person, hidden_fields

pytestmark = pytest.mark.anyio
Between = Callable[[Session, Transaction], Awaitable[None]]


async def download(person: Person) -> httpx2.Response:
    page = await person.browser.get("/account/data")
    assert page.status_code == 200
    return await person.browser.post("/account/data", data=hidden_fields(page.text))


async def test_the_file_holds_what_is_kept_and_no_cache_keeps_it(
    place: Installation, person: Person, monkeypatch: pytest.MonkeyPatch
):
    """However many events there are: they come part by part."""
    monkeypatch.setattr(own_data, "EVENTS_AT_ONCE", 2)
    tokens = await person.tokens()
    answer = await download(person)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="my-account.json"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    document = answer.json()
    assert document["complete"] is True
    assert document["profile"][0]["email"] == person.email
    assert [each["client_id"] for each in document["grants"]] == ["app"]
    kinds = [each["kind"] for each in document["events"]]
    assert kinds == ["family_started", "consent_given", "signed_in", "user_added"]
    assert tokens["access_token"] not in answer.text
    assert "argon2" not in answer.text


async def cut(place: Installation, person: Person, between: Between) -> dict[str, Any]:
    """A download, during which something happens after the first of several events."""
    await person.code()
    session, *_ = await place.authority.store.read(lambda tx: tx.sessions.of_user(person.user_id))
    user = await place.authority.store.read(lambda tx: tx.users.find(person.user_id))
    assert user is not None
    parts = _document(place.server, SignedIn(user, session), b"{}")
    begun = [await anext(parts), await anext(parts)]
    await place.authority.store.transact(partial(between, session))
    rest = [each async for each in parts]
    return dict(json.loads(b"".join((*begun, *rest)).replace(b"{,", b"{")))


async def end(session: Session, tx: Transaction) -> None:
    await revocation.end_session(tx, session.id, CLI)


async def renew(session: Session, tx: Transaction) -> None:
    await tx.sessions.renew(replace(session, digest=b"another secret"))


async def nothing(session: Session, tx: Transaction) -> None:
    pass


@pytest.mark.parametrize("between", [end, renew, nothing])
async def test_who_is_signed_out_meanwhile_gets_no_more_and_is_told(
    place: Installation, person: Person, monkeypatch: pytest.MonkeyPatch, between: Any
):
    """And so is a copy of a cookie whose session has another secret by now."""
    monkeypatch.setattr(own_data, "EVENTS_AT_ONCE", 1)
    document = await cut(place, person, between)
    goes_on = between is nothing
    assert document["complete"] is goes_on
    assert (len(document["events"]) > 1) is goes_on


async def test_an_old_sign_in_is_not_enough(place: Installation, person: Person):
    await person.code()
    page = await person.browser.get("/account/data")
    fields = hidden_fields(page.text)
    place.clock.turn(place.authority.settings.fresh_sign_in_age)
    for answer in (
        await person.browser.get("/account/data"),
        await person.browser.post("/account/data", data=fields),
    ):
        assert answer.headers["location"] == "/sign-in?next=data"
    again = await person.sign_in(await person.browser.get("/sign-in?next=data"))
    assert "Download your data" in again.text
