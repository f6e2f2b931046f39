"""Which endings tell which clients of what (OpenID Connect Back-Channel Logout 1.0 §2)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.server.protocol import registration, revocation
from counterfoil.server.protocol.account_deletion import delete_account
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.session import Session
from tests.installation import CALLBACK, Installation, Person, installed

pytestmark = pytest.mark.anyio
NOWHERE = "https://127.0.0.1/logged-out"
"""Nobody is called there, for it is not of the public Internet: what is to be told stays."""
APP = {
    "grant_types": ("authorization_code", "refresh_token"),
    "redirect_uris": (CALLBACK,),
    "scopes": frozenset({"openid", "offline_access", "notes:read"}),
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    """``mail`` and ``strict`` want to be told, ``strict`` by session alone; ``app`` does not."""
    async with installed(tmp_path, issuer="https://id.example") as house:
        await house.add_client("mail", backchannel_logout_uri=NOWHERE, **APP)
        strict: dict[str, Any] = APP | {"backchannel_logout_session_required": True}
        await house.add_client("strict", backchannel_logout_uri=NOWHERE, **strict)
        yield house


@pytest.fixture
async def ada(house: Installation) -> AsyncIterator[Person]:
    async with house.browser() as browser:
        yield Person(house, browser)


@pytest.fixture
async def elsewhere(house: Installation) -> AsyncIterator[Person]:
    """Ada at another browser."""
    async with house.browser() as browser:
        yield Person(house, browser)


async def told(house: Installation) -> list[tuple[str, str]]:
    """Who waits to be told, and of which session; the name of all is empty."""

    async def work(tx: Any) -> list[tuple[str, str]]:
        names = ("app", "mail", "strict")
        found = [each for name in names for each in await tx.logouts.in_line(name, 100)]
        assert house.user is not None
        assert {each.sub for each in found} <= {house.user.id}
        return sorted((each.client_id, each.session_id) for each in found)

    return await house.authority.store.read(work)


async def sessions(house: Installation) -> list[Session]:
    assert house.user is not None
    user_id = house.user.id
    return await house.authority.store.read(lambda tx: tx.sessions.of_user(user_id))


async def do(house: Installation, work: Any, *more: Any) -> None:
    await house.authority.store.transact(lambda tx: work(tx, *more))


async def grant_of(house: Installation, client_id: str) -> str:
    user = house.user
    assert user is not None
    found = await house.authority.store.read(lambda tx: tx.grants.between(user.id, client_id))
    assert found is not None
    return found.id


async def test_an_ended_session_is_told_to_those_who_took_part_in_it(
    house: Installation, ada: Person, elsewhere: Person
):
    for client_id in ("app", "mail", "strict"):
        await ada.tokens(client_id)
    (mine,) = await sessions(house)
    house.clock.turn(1)
    await elsewhere.tokens("mail")
    assert mine.told_clients == ("mail", "strict")
    await do(house, revocation.end_session, mine.id, CLI)
    assert await told(house) == [("mail", mine.id), ("strict", mine.id)]
    await do(house, revocation.end_session, mine.id, CLI)
    assert len(await told(house)) == 2, "what has ended already ends no second time"


async def test_who_goes_on_while_the_person_is_away_is_told_too(house: Installation, ada: Person):
    await ada.tokens("mail", scope="openid offline_access")
    (mine,) = await sessions(house)
    await do(house, revocation.end_session, mine.id, CLI)
    assert await told(house) == [("mail", mine.id)]


async def test_who_never_had_an_id_token_is_not_told(house: Installation, ada: Person):
    await ada.tokens("mail", scope="notes:read")
    (mine,) = await sessions(house)
    await do(house, revocation.end_session, mine.id, CLI)
    assert await told(house) == []


async def test_a_client_is_told_although_its_tokens_have_gone(house: Installation, ada: Person):
    """It may keep a session of its own for longer than any token lives."""
    await house.add_client(
        "news", backchannel_logout_uri=NOWHERE, **(APP | {"grant_types": ("authorization_code",)})
    )
    await ada.tokens("news", scope="openid")
    house.clock.turn(2 * 86_400)
    await house.authority.store.transact(lambda tx: tx.sweep(100))
    (mine,) = await sessions(house)
    await do(house, revocation.end_session, mine.id, CLI)
    found = await house.authority.store.read(lambda tx: tx.logouts.in_line("news", 10))
    assert [each.session_id for each in found] == [mine.id]


async def test_signing_out_elsewhere_spares_this_browser(
    house: Installation, ada: Person, elsewhere: Person
):
    await ada.tokens("mail")
    (mine,) = await sessions(house)
    await elsewhere.tokens("mail")
    (other,) = [each for each in await sessions(house) if each.id != mine.id]
    await do(house, revocation.end_elsewhere, mine, CLI)
    assert await told(house) == [("mail", other.id)]


@pytest.mark.parametrize(
    "cause", [Cause.PASSWORD_CHANGED, Cause.SECOND_FACTOR_ADDED, Cause.PASSKEY_LOST]
)
async def test_a_change_that_spares_this_browser_tells_of_the_others(
    house: Installation, ada: Person, elsewhere: Person, cause: Cause
):
    await ada.tokens("mail")
    (mine,) = await sessions(house)
    await elsewhere.tokens("strict")
    (other,) = [each for each in await sessions(house) if each.id != mine.id]

    async def work(tx: Any) -> None:
        await revocation.follow(tx, cause, mine.user_id, CLI, mine.id)

    await do(house, work)
    assert await told(house) == [("strict", other.id)]


async def test_when_everything_of_a_person_ends_an_app_is_told_of_all(
    house: Installation, ada: Person, elsewhere: Person
):
    """Of what goes on without a session here too; who wants them by name gets each."""
    await ada.tokens("mail")
    await ada.tokens("strict")
    (mine,) = await sessions(house)
    await elsewhere.tokens("mail")
    await elsewhere.tokens("strict")
    one, other = sorted(each.id for each in await sessions(house))
    await do(house, revocation.sign_out_user, mine.user_id, CLI)
    await do(house, revocation.sign_out_user, mine.user_id, CLI)
    assert await told(house) == [("mail", ""), ("strict", one), ("strict", other)]


async def test_an_app_whose_session_here_has_gone_is_told_when_everything_ends(
    house: Installation, ada: Person
):
    await ada.tokens("mail", scope="openid offline_access")
    house.clock.turn(31 * 86_400)
    await house.authority.store.transact(lambda tx: tx.sweep(100))
    assert await sessions(house) == []
    assert house.user is not None
    await do(house, revocation.disable_user, house.user.id, CLI)
    assert await told(house) == [("mail", "")]


@pytest.mark.parametrize(
    "end", [revocation.sign_out_of_app, revocation.end_grant], ids=["sign out", "remove"]
)
async def test_an_app_that_is_signed_out_of_is_told_and_no_other(
    house: Installation, ada: Person, end: Any
):
    await ada.tokens("mail")
    await ada.tokens("strict")
    (mine,) = await sessions(house)
    mail = await grant_of(house, "mail")
    await do(house, end, mail, CLI)
    await do(house, end, await grant_of(house, "strict"), CLI)
    await do(house, end, mail, CLI)
    assert await told(house) == [("mail", ""), ("strict", mine.id)], "nothing ends a second time"
    await do(house, revocation.end_session, mine.id, CLI)
    assert len(await told(house)) == 2, "it hears no more of a person whom it no longer knows"


async def test_whoever_says_this_was_not_me_ends_apps_of_this_browser_too(
    house: Installation, ada: Person
):
    await ada.tokens("mail")
    (mine,) = await sessions(house)

    async def work(tx: Any) -> None:
        await revocation.follow(tx, Cause.INTRUSION_REPORTED, mine.user_id, CLI, mine.id)

    await do(house, work)
    assert await told(house) == [("mail", "")]
    assert [each.id for each in await sessions(house)] == [mine.id]


async def test_of_an_account_that_is_deleted_apps_are_told(house: Installation, ada: Person):
    await ada.tokens("mail")
    assert house.user is not None
    await do(house, delete_account, house.user.id, CLI)
    assert await told(house) == [("mail", "")]


async def test_somebody_else_at_the_same_browser_ends_the_session_before(
    house: Installation, ada: Person
):
    await ada.tokens("mail")
    (mine,) = await sessions(house)
    bob = await house.add_user("bob@example.com")
    page = await ada.open("app", prompt="login")
    await ada.sign_in(page, "bob@example.com")
    assert bob.id != mine.user_id
    assert await told(house) == [("mail", mine.id)]


async def test_what_is_no_end_of_a_session_is_not_told(house: Installation, ada: Person):
    """One authorization, a token or a client ends; a session expires: no session was ended."""
    await ada.tokens("mail")
    families = await house.authority.store.read(lambda tx: tx.families.page("", 9))
    await do(house, revocation.end_family, families[0].id, "ended", CLI)
    await ada.tokens("mail")
    await do(house, revocation.end_everything_of_client, "mail", CLI)
    await do(house, revocation.disable_client, "mail", CLI)
    house.clock.turn(31 * 86_400)
    await house.authority.store.transact(lambda tx: tx.sweep(100))
    assert await told(house) == []


async def test_a_client_that_is_disabled_is_told_nothing(house: Installation, ada: Person):
    await ada.tokens("mail")
    (mine,) = await sessions(house)
    await do(house, revocation.disable_client, "mail", CLI)
    await do(house, revocation.end_session, mine.id, CLI)
    assert await told(house) == []
    await do(house, registration.enable_client, "mail", CLI)
    assert await told(house) == []


async def test_a_sign_out_that_concerns_nobody_asks_the_store_for_nothing(
    house: Installation, ada: Person, monkeypatch: pytest.MonkeyPatch
):
    """Not a row, nor a statement: who is told stands in the session that is read in any case."""
    await ada.tokens("app")
    (mine,) = await sessions(house)
    asked: list[str] = []

    async def work(tx: Any) -> None:
        connection = tx._connection
        all_of, run = connection.all, connection.run

        async def noting_all(sql: str, *values: Any) -> Any:
            asked.append(sql)
            return await all_of(sql, *values)

        async def noting_run(sql: str, *values: Any) -> Any:
            asked.append(sql)
            return await run(sql, *values)

        monkeypatch.setattr(connection, "all", noting_all, raising=False)
        monkeypatch.setattr(connection, "run", noting_run, raising=False)
        await revocation.end_session(tx, mine.id, CLI)
        monkeypatch.undo()

    await do(house, work)
    assert any("UPDATE sessions" in sql for sql in asked)
    assert [sql for sql in asked if "logout" in sql or "clients" in sql.partition("WHERE")[0]] == []
