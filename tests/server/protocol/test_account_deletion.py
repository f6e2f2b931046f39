"""Deleting an account: everything ends at the guards, and nothing of the person is left."""

from pathlib import Path

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.audit.verification import verify
from counterfoil.server.protocol import events
from counterfoil.server.protocol.account_deletion import delete_account
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.store import Transaction
from tests.installation import Installation, Person, installed

pytestmark = pytest.mark.anyio


async def delete(place: Installation, user_id: str, by: events.Actor = events.CLI) -> Ending:
    async def work(tx: Transaction) -> Ending:
        return await delete_account(tx, user_id, by)

    ending = await place.authority.store.transact(work)
    await place.authority.hub.catch_up()
    return ending


async def test_every_token_ends_and_no_row_is_left(
    place: Installation, person: Person, visitor: Person
):
    """S38: at the guards, too, for each has its notice."""
    online = await person.tokens()
    offline = await visitor.tokens(scope="openid notes:read offline_access")
    ending = await delete(place, person.user_id)
    assert (ending.sessions, ending.families) == (2, 2)
    for token in (online["access_token"], offline["access_token"], offline["refresh_token"]):
        assert not (await place.post("/introspect", "app", token=token)).json()["active"]
    again = await place.post(
        "/token", "app", grant_type="refresh_token", refresh_token=offline["refresh_token"]
    )
    assert again.json()["error"] == "invalid_grant"

    async def left(tx: Transaction) -> list[object]:
        found = [await tx.users.find(person.user_id), *await tx.sessions.of_user(person.user_id)]
        return [*filter(None, found), *await tx.grants.of_user(person.user_id)]

    assert await place.authority.store.read(left) == []
    page = await person.sign_in(await person.browser.get("/sign-in"))
    assert page.status_code == 400


async def test_nothing_in_the_database_names_the_person(tmp_path: Path):
    """No table has their id, e-mail, address or browser; the chain of the log holds."""
    async with installed(tmp_path) as place, place.browser() as browser:
        browser.headers["user-agent"] = "A browser like no other"
        person = Person(place, browser)
        await person.tokens(scope="openid notes:read offline_access")
        by = events.by_user(person.user_id, events.Origin("192.0.2.77", "A browser like no other"))
        await delete(place, person.user_id, by)
        found = await place.authority.store.read(lambda tx: verify(tx, [], []))
        assert found.faults == ()
        query = EventQuery(kind=EventKind.USER_DELETED)
        (gone,) = await place.authority.store.read(lambda tx: tx.events.find(query))
        assert (gone.subject, gone.actor, gone.address) == ("erased", "user:erased", "")
    rows = everything_in(tmp_path)
    assert "CREATE" not in rows
    assert len(rows) > 1000
    for trace in (person.user_id, person.email, "192.0.2.77", "A browser like no other"):
        assert trace not in rows


def everything_in(directory: Path) -> str:
    import sqlite3

    (file,) = directory.rglob("*.db")
    with sqlite3.connect(file) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return "\n".join(
            repr(row)
            for (table,) in tables.fetchall()
            for row in connection.execute(f'SELECT * FROM "{table}"')
        )


async def test_the_last_administrator_stays(place: Installation):
    boss = await place.add_user("boss@example.com", is_admin=True)
    other = await place.add_user("other@example.com", is_admin=True)
    await delete(place, other.id)
    with pytest.raises(OAuthError, match="last administrator"):
        await delete(place, boss.id)
    assert await place.authority.store.read(lambda tx: tx.users.find(boss.id)) is not None
    with pytest.raises(OAuthError, match="no such user"):
        await delete(place, other.id)


async def test_who_comes_again_under_the_same_email_inherits_nothing(
    place: Installation, person: Person
):
    tokens = await person.tokens(scope="openid notes:read offline_access")
    await delete(place, person.user_id)
    again = await place.add_user(person.email)
    assert again.id != person.user_id
    assert not (await place.post("/introspect", "app", token=tokens["access_token"])).json()[
        "active"
    ]
    assert (await person.browser.get("/account/apps")).status_code == 303
    async with place.browser() as browser:
        newcomer = Person(place, browser, user_id=again.id)
        await newcomer.sign_in(await browser.get("/sign-in"))
        assert "No apps yet" in (await browser.get("/account/apps")).text
        activity = (await browser.get("/account/activity")).text
        assert activity.count("<bdi>You signed in.</bdi>") == 1
        assert activity.count("<bdi>Your account was made.</bdi>") == 1
