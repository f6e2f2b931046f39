"""The parts put together: two processes on one data directory, restarts, nothing left behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from counterfoil.jose.jwt import unverified_header
from counterfoil.server.app import App
from counterfoil.server.assembly import build
from counterfoil.server.opening import Outside, open_authority
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.settings import DAY, load
from tests.installation import Clock, Installation, Person, furnish, token_request

pytestmark = pytest.mark.anyio


def app_on(data: Path, clock: Clock, database: str | None = None) -> App:
    return build(load({}, {"data": str(data), "database": database}), Outside(clock=clock))


@asynccontextmanager
async def node(data: Path, clock: Clock, like: Installation | None = None, database: str = ""):
    """One server process of an installation; ``like`` another one, it is furnished already."""
    kept = like.authority.settings.database if like is not None else None
    app = app_on(data, clock, kept.reveal() if kept is not None else database or None)
    async with app.running() as server:
        place = Installation(app, server, clock)
        if like is None:
            await furnish(place)
        else:
            place.secrets, place.user = like.secrets, like.user
        yield place


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def nodes(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Installation, Installation]]:
    """Two processes of one installation, which have nothing in common but its database."""
    clock = Clock()
    database = "" if request.param == "sqlite" else request.getfixturevalue("database")
    async with (
        node(tmp_path, clock, database=database) as one,
        node(tmp_path, clock, one) as other,
    ):
        yield one, other


async def is_active(place: Installation, token: str, client_id: str = "service") -> bool:
    return bool((await place.post("/introspect", client_id, token=token)).json()["active"])


async def test_a_token_of_one_process_is_good_at_the_other(
    nodes: tuple[Installation, Installation],
):
    """S92: any node verifies what another one issued."""
    one, other = nodes
    assert await is_active(other, await one.service_token())
    assert await is_active(one, await other.service_token())


async def test_each_sees_the_others_endings_at_once(nodes: tuple[Installation, Installation]):
    """S92, S37: the very next answer of the other process is no."""
    one, other = nodes
    for here, there in ((one, other), (other, one)) * 5:
        token = await here.service_token()
        assert await is_active(there, token)
        await here.post("/revoke", "service", token=token)
        assert not await is_active(there, token)


async def test_a_person_signs_in_at_one_and_goes_on_at_the_other(
    nodes: tuple[Installation, Installation],
):
    """S92: no sticky sessions; each step of the flow may meet another process."""
    one, other = nodes
    async with one.browser() as browser:
        person = Person(one, browser)
        page = await person.open()
        browser._transport = other.browser()._transport
        page = await person.sign_in(page)
        browser._transport = one.browser()._transport
        back = await person.allow(page)
        code = back.headers["location"].partition("code=")[2].partition("&")[0]
        person.installation = other
        tokens = (await person.exchange(code)).json()
    assert await is_active(one, tokens["access_token"], "app")
    renewed = await token_request(
        one, "app", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert renewed.status_code == 200


async def test_a_code_and_a_refresh_token_are_spent_once_between_them(
    nodes: tuple[Installation, Installation],
):
    """S19: to check and to spend are one statement, whichever process it is sent to."""
    one, other = nodes
    async with one.browser() as browser:
        person = Person(one, browser)
        code = await person.code()
        form = {"grant_type": "authorization_code", "code": code}
        form["code_verifier"] = person.verifier
        answers = await asyncio.gather(
            *(token_request(each, "app", **form) for each in (one, other) * 3)
        )
    assert [answer.status_code for answer in answers].count(200) == 1


async def test_signing_out_at_one_signs_out_at_the_other(
    nodes: tuple[Installation, Installation],
):
    """S39."""
    one, other = nodes
    async with one.browser() as browser:
        person = Person(one, browser)
        tokens = await person.tokens()
        await one.authority.store.transact(
            lambda tx: revocation.end_everything_of(tx, one.user.id, "test", CLI)
        )
        assert not await is_active(other, tokens["access_token"], "app")
        browser._transport = other.browser()._transport
        assert (await browser.get("/account/apps")).status_code == 303


async def test_a_withdrawn_key_is_withdrawn_everywhere(nodes: tuple[Installation, Installation]):
    """S84."""
    one, other = nodes
    token = await one.service_token()
    assert await is_active(other, token)
    rotation = one.authority.rotation
    kid = str(unverified_header(token)["kid"])
    await one.authority.store.transact(lambda tx: rotation.withdraw(tx, kid, CLI))
    assert not await is_active(other, token)
    assert not await is_active(one, token)


async def test_after_a_restart_tokens_stand_and_endings_too(tmp_path: Path):
    """S92: on restart; what was ended stays ended."""
    clock = Clock()
    async with node(tmp_path, clock) as before:
        standing, ended = await before.service_token(), await before.service_token()
        await before.post("/revoke", "service", token=ended)
        async with before.browser() as browser:
            person = Person(before, browser)
            tokens = await person.tokens()
            cookies = browser.cookies
    async with node(tmp_path, clock, before) as after:
        assert await is_active(after, standing)
        assert not await is_active(after, ended)
        answer = await token_request(
            after, "app", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
        )
        assert answer.status_code == 200
        async with after.browser(cookies=cookies) as browser:
            assert (await browser.get("/account/apps")).status_code == 200


async def test_another_issuer_than_that_of_those_who_serve_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """One machine on which it was forgotten: nothing else would say why its tokens are refused."""

    def app(issuer: str) -> App:
        return build(load({}, {"data": str(tmp_path), "issuer": issuer}))

    async with app("https://id.example").running(), app("https://id.example").running():
        pass
    assert "serve this database" not in caplog.text
    async with app("https://id.example").running(), app("http://127.0.0.1:8000").running():
        pass
    said = "others serve this database as https://id.example, and this server as http://127.0.0.1"
    assert said in caplog.text
    caplog.clear()
    async with app("https://id.example").running():
        pass
    assert "serve this database" not in caplog.text, "alone, it may have another than before"


async def test_a_new_process_joins_while_others_run(nodes: tuple[Installation, Installation]):
    """S92: after scale-out."""
    one, _ = nodes
    token = await one.service_token()
    data = one.authority.settings.data
    async with node(data, one.clock, one) as third:
        assert await is_active(third, token)
        assert await is_active(one, await third.service_token())


async def test_keys_come_from_the_store_and_lie_sealed(tmp_path: Path):
    """S83: made at the first start, kept in the data directory, never in source or image."""
    async with node(tmp_path, Clock()) as place:
        token = await place.service_token()
        assert await is_active(place, token)
    assert (tmp_path / "master.key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "counterfoil.db").stat().st_mode & 0o077 == 0
    async with node(tmp_path, Clock(), place) as again:
        assert await is_active(again, token)


async def test_two_installations_share_no_key(tmp_path: Path):
    """S83: nothing is built in."""
    clock = Clock()
    async with node(tmp_path / "a", clock) as one, node(tmp_path / "b", clock) as other:
        assert not await is_active(other, await one.service_token())


async def test_the_command_line_opens_it_beside_the_server(
    nodes: tuple[Installation, Installation],
):
    """What is changed beside a running server takes effect at once."""
    one, other = nodes
    token = await one.service_token()
    beside = await open_authority(one.authority.settings, Outside(clock=one.clock))
    try:
        await beside.store.transact(lambda tx: revocation.disable_client(tx, "service", CLI))
    finally:
        await beside.store.close()
    answer = await other.post("/token", "service", grant_type="client_credentials")
    assert answer.status_code == 401
    async with other.browser() as anyone:
        header = {"authorization": f"Bearer {token}"}
        said = (await anyone.get("/userinfo", headers=header)).json()
    assert said["error_reason"] == "revoked"


async def test_what_was_noted_is_written_when_it_stops(tmp_path: Path):
    clock = Clock()
    async with node(tmp_path, clock) as place:
        await place.service_token()
    async with node(tmp_path, clock, place) as again:
        (secret,) = await again.authority.store.read(lambda tx: tx.clients.secrets_of("service"))
    assert secret.last_used_at == int(clock())


async def test_nothing_runs_on_after_it_stopped(tmp_path: Path):
    before = asyncio.all_tasks()
    async with node(tmp_path, Clock()):
        assert len(asyncio.all_tasks()) > len(before)
    assert asyncio.all_tasks() == before


async def test_a_grant_ends_on_its_day_by_itself(tmp_path: Path):
    """S13: the housekeeping ends it, with its event, whoever looks."""
    clock = Clock()
    async with node(tmp_path, clock) as before, before.browser() as browser:
        await Person(before, browser).code()
        [grant] = await before.authority.store.read(lambda tx: tx.grants.every())
        end = int(clock()) + DAY
        await before.authority.store.transact(lambda tx: tx.grants.limit(grant.id, end, tx.now))
    clock.turn(DAY)
    async with node(tmp_path, clock, before) as after, asyncio.timeout(10):
        while True:
            if not await after.authority.store.read(lambda tx: tx.grants.every()):
                break
            await asyncio.sleep(0)
        (event,) = await after.authority.store.read(lambda tx: tx.events.latest(1))
    assert (event.kind, event.actor, event.subject) == ("grant_ended", "janitor", grant.id)
