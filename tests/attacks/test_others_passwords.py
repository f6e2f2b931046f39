"""Whoever administers chooses nobody's password, and keeps no key to anybody's account (S72)."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click
import httpx2
import pytest

from counterfoil.cli.program import program
from counterfoil.oauth.opaque import Secret
from counterfoil.server.endpoints.api.description import description
from counterfoil.server.endpoints.api.table import OPERATIONS
from counterfoil.server.identity import joining, recovery
from counterfoil.server.identity.disowning import disown
from counterfoil.server.identity.password_change import PasswordChange
from counterfoil.server.identity.session_start import Beginning, begin_session
from counterfoil.server.identity.ways_in import has_another_way_in
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.passkey import Passkey
from counterfoil.server.records.session import Origin, Session
from tests.installation import PASSWORD, Installation, Person, installed
from tests.joinings import NEW, join, open_link, user_of
from tests.recoveries import NEW as RECOVERED
from tests.recoveries import choose
from tests.recoveries import open_link as open_recovery

pytestmark = pytest.mark.anyio
STRONG = ("pop", "user", "mfa")


def options(command: click.Command, path: str = "") -> dict[str, list[str]]:
    """Every command below one, with the names of its options and arguments."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        found: dict[str, list[str]] = {}
        for name in command.list_commands(context):
            each = command.get_command(context, name)
            assert each is not None
            found |= options(each, f"{path} {name}".strip())
        return found
    return {path: [name for each in command.params for name in each.opts]}


@pytest.mark.one_engine("nothing is asked of it")
async def test_no_operation_page_or_command_takes_a_password_for_another(
    own: Installation, boss: Person
):
    """ASVS V6.4.6."""
    by_command = options(program)
    assert "user recover" in by_command
    takes = [each for each, names in by_command.items() if re.search("password", " ".join(names))]
    assert takes == ["user claim"], "it has the link that was given to the person"
    described = json.loads(description(own.issuer))
    bodies = [str(described["paths"][each.path][each.method.lower()]) for each in OPERATIONS]
    schemas = described["components"]["schemas"]
    assert any("NewPerson" in each for each in bodies)
    assert "email" in schemas["NewPerson"]["properties"]
    for name, schema in schemas.items():
        assert not [each for each in schema.get("properties", ()) if "password" in each], name
    user = await own.add_user("others@own.example")
    page_of = f"/admin/users/{user.id}"
    for path in (page_of, f"{page_of}/link", "/admin/invite", "/admin/users"):
        page = await boss.browser.get(path)
        assert page.status_code == 200
        assert 'type="password"' not in page.text
    for path in (f"{page_of}/link", "/admin/invite"):
        form = {"new": NEW, "again": NEW, "password": NEW}
        await boss.browser.post(path, data=form)
    assert await opens(own, user.email, PASSWORD)


@pytest.fixture
async def boss(own: Installation) -> AsyncIterator[Person]:
    """An administrator, signed in."""
    user = await own.add_user("boss@own.example", is_admin=True)
    async with own.browser() as browser:
        boss = Person(own, browser, user.email, user.id)
        await boss.sign_in(await browser.get("/sign-in"))
        yield boss


async def opens(place: Installation, email: str, password: str) -> bool:
    user = await user_of(place, email)
    return bool(await place.server.passwords.verify(password, user.password_hash))


@pytest.fixture
async def silent(tmp_path: Path) -> AsyncIterator[Installation]:
    """Where no mail is sent, so that links are printed."""
    async with installed(tmp_path, issuer="https://id.example") as own:
        yield own


async def printed(place: Installation, email: str, step: Any) -> str:
    async def work(tx: Any) -> str:
        user = await tx.users.find_by_email(email)
        return await step(place.authority, tx, user, CLI)

    return (await place.authority.store.transact(work)).partition("token=")[2]


async def test_an_operator_who_follows_a_printed_recovery_is_seen(silent: Installation):
    """They could open it before its owner does; but then the owner is out, and reads why."""
    user = await silent.add_user("ada@own.example")
    async with silent.browser() as hers, silent.browser() as theirs:
        owner = Person(silent, hers, user.email, user.id)
        await owner.sign_in(await hers.get("/sign-in"))
        token = await printed(silent, user.email, recovery.start_by_command)
        assert (await hers.get("/account/apps")).status_code == 200, "nothing ends before"
        assert (await choose(theirs, await open_recovery(theirs, token))).status_code == 200
        assert (await hers.get("/account/apps")).status_code == 303
        await owner.sign_in(await hers.get("/sign-in"))
        assert (await hers.get("/account/apps")).status_code == 303, "her password is over"
        again = await printed(silent, user.email, recovery.start_by_command)
        assert (await choose(hers, await open_recovery(hers, again))).status_code == 200
        await owner.sign_in(await hers.get("/sign-in"), password=RECOVERED)
        activity = (await hers.get("/account/activity")).text
        assert activity.count("A link to choose a new password was made for you") == 2
    assert not (await user_of(silent, user.email)).email_verified
    query = EventQuery(person=user.id)
    told = await silent.authority.store.read(lambda tx: tx.events.find(query))
    started = [each for each in told if each.kind == EventKind.RECOVERY_STARTED]
    assert [(each.actor, each.detail) for each in started] == [("cli", {"link": "printed"})] * 2


async def test_an_invitation_that_was_kept_is_no_key(silent: Installation):
    """Its owner has an account by then: neither page nor command lets the operator in."""
    await silent.authority.store.transact(
        lambda tx: registration.add_user(tx, registration.NewUser("kept@own.example"), CLI)
    )
    kept = await printed(silent, "kept@own.example", joining.invite_by_command)
    async with silent.browser() as theirs, silent.browser() as hers:
        page = await open_link(theirs, kept)
        assert (await taken_up(hers, kept)).status_code == 200
        late = await join(theirs, page, new="chosen by another", again="chosen by another")
        assert late.status_code == 410
        assert (await open_link(theirs, kept)).status_code == 410
    assert await opens(silent, "kept@own.example", NEW)


async def taken_up(browser: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await join(browser, await open_link(browser, token))


@pytest.mark.one_engine("what is decided asks no engine")
async def test_an_ended_password_is_none_to_its_owner(own: Installation):
    """Who comes by a passkey keeps it, and is asked for no password that nobody knows."""
    user = await own.add_user("keyed@own.example")
    key = Passkey(
        id="key", user_id=user.id, user_handle=b"h", credential_id=b"c", public_key=b"k",
        name="Key", created_at=1,
    )  # fmt: skip

    async def work(tx: Any) -> Session:
        await registration.end_password(tx, user.id, CLI)
        await tx.passkeys.add(key)
        now = await tx.users.find(user.id)
        assert not await has_another_way_in(tx, now, without=key.id)
        return (
            await begin_session(own.authority, tx, now, Beginning(Origin(), amr=STRONG))
        ).session

    session = await own.authority.store.transact(work)
    change = PasswordChange(session, Secret(""), Secret(""), Origin(), "session:other")
    assert await disown(own.authority, change) is not None
