"""The drill: a backup is made under load, life goes on, all is lost, and the backup is restored.

Nothing that was ended comes back: at no server, at no guard that followed before, at no new one.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from counterfoil.guard import Guard
from counterfoil.guard.policy import Options
from counterfoil.oauth.reasons import Reason
from counterfoil.server.assembly import build
from counterfoil.server.opening import DATABASE
from counterfoil.server.protocol import endings
from counterfoil.server.protocol.endings import Ends, Target
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.settings import load
from tests.flows.serving import READY, START, fresh, refusal, refusal_of, until
from tests.installation import NOTES, Installation, Person, answer_of, furnish, token_request
from tests.ports import free_port
from tests.postgres import Postgres

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("names them itself")]

GONE = {Reason.REVOKED, Reason.KEY_RETIRED, Reason.UNKNOWN_KEY}
ANYTHING = "openid offline_access notes:read"


class Site:
    """One issuer at one port, whatever database its server has."""

    def __init__(self, folder: Path, postgres: Postgres | None) -> None:
        self.data = folder / "data"
        self.backup = folder / "backup"
        self._postgres = postgres
        self._database = postgres.create() if postgres else ""
        self.port = free_port()

    @property
    def arguments(self) -> list[str]:
        database = ["--database", self._postgres.url(self._database)] if self._postgres else []
        return ["--data", str(self.data), *database]

    @property
    def settings(self) -> dict[str, Any]:
        where = self._postgres.url(self._database) if self._postgres else None
        given = {"data": str(self.data), "port": self.port, "database": where}
        return given | {"sign_in_rate_per_minute": 10_000}

    def command(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command on the installation."""
        line = [sys.executable, "-c", START, *words, *self.arguments]
        given = {n: v for n, v in os.environ.items() if not n.startswith("COUNTERFOIL_")}
        given |= {"COUNTERFOIL_HEAD_INTERVAL_MS": "50", "COUNTERFOIL_PORT": str(self.port)}
        pipe = subprocess.PIPE
        return subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, env=given)

    async def run(self, *words: str) -> tuple[int, str]:
        """Run a command to its end; gives its exit code and all that it said."""
        process = self.command(*words)
        out, err = await anyio.to_thread.run_sync(process.communicate)
        return process.returncode, out + err

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[str]]:
        process = self.command("serve")
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert READY.search(line), process.communicate()
            yield process
        finally:
            process.kill()
            process.communicate()

    @asynccontextmanager
    async def administered(self) -> AsyncIterator[Installation]:
        """A second process of the installation: this one. People speak to the first."""
        app = build(load({}, self.settings))
        async with app.running() as server:
            yield Installation(app, server, time.time, remote=True)

    def lose(self) -> None:
        """Lose the database; the master key was kept apart from it."""
        if self._postgres:
            self._database = self._postgres.create()
            return
        for file in self.data.glob(f"{DATABASE}*"):
            file.rename(file.with_name(f"lost-{file.name}"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    postgres = None
    if request.param == "postgres":
        postgres = request.getfixturevalue("postgres_server")
    return Site(tmp_path, postgres)


async def end(place: Installation, kind: Ends, name: str) -> None:
    authority = place.authority
    await authority.store.transact(
        lambda tx: endings.carry_out(authority, tx, Target(kind, name), CLI)
    )


async def signing_kid(place: Installation) -> str:
    keys = await place.authority.store.read(lambda tx: tx.signing_keys.every(Purpose.TOKENS))
    return keys[-1].kid


async def refreshed(place: Installation, token: str, client_id: str = "app") -> httpx2.Response:
    asked = {"grant_type": "refresh_token", "refresh_token": token}
    return await token_request(place, client_id, **asked)


async def add_desk(place: Installation) -> None:
    """Add a client that may ask whether a token stands, whosever it is."""
    await place.add_client("desk", scopes=frozenset({"introspect"}))


async def is_active(place: Installation, token: str) -> bool:
    answer = await place.post("/introspect", "desk", token=token)
    assert answer.status_code == 200, answer.text
    return bool(answer.json()["active"])


async def userinfo(place: Installation, token: str) -> int:
    async with place.browser() as browser:
        headers = {"authorization": f"Bearer {token}"}
        return (await browser.get("/userinfo", headers=headers)).status_code


@asynccontextmanager
async def under_load(place: Installation) -> AsyncIterator[list[dict[str, Any]]]:
    """Somebody refreshes and asks for tokens all the time; gives all answers."""
    answers: list[dict[str, Any]] = []

    async def go_on() -> None:
        async with place.browser() as browser:
            person = Person(place, browser, "load@example.com")
            answers.append(await person.tokens(scope=ANYTHING))
            while True:
                answer = await refreshed(place, answers[-1]["refresh_token"])
                assert answer.status_code == 200, answer.text
                answers.append(answer.json())

    await place.add_user("load@example.com")
    task = asyncio.create_task(go_on())
    try:
        yield answers
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled(), task.exception()


class Life:
    """What people and clients hold in the end, all of it from before the loss."""

    def __init__(self) -> None:
        self.access: dict[str, str] = {}
        self.refresh: dict[str, tuple[str, str]] = {}
        self.codes: list[tuple[str, str]] = []

    def keep(self, name: str, tokens: dict[str, Any], client_id: str = "app") -> None:
        self.access[name] = tokens["access_token"]
        self.refresh[name] = tokens["refresh_token"], client_id


@pytest.mark.timeout(240)
async def test_nothing_comes_back_when_a_backup_is_restored(site: Site) -> None:
    life = Life()
    kept = Options(state_dir=site.data.parent / "guard")
    with site.serving() as server:
        async with site.administered() as place:
            await furnish(place)
            await add_desk(place)
            secrets, user = place.secrets, place.user
            followed = Guard(place.issuer, audience=NOTES, options=kept)
            followed.start()
            await fresh(followed)
            async with place.browser() as browser:
                cookies = await live_and_back_up(site, place, Person(place, browser), life)
                await live_on(place, Person(place, browser), life, followed)
        server.send_signal(signal.SIGKILL)
        server.wait(10)
    site.lose()

    code, said = await site.run("database", "restore", "--from", str(site.backup))
    assert code == 0, said
    assert "Everybody signs in and agrees anew" in said
    code, said = await site.run("serve")
    assert code == 1
    assert "no server may use it yet: look at what was changed since" in said
    code, said = await site.run("database", "reopen", "--yes")
    assert code == 0, said
    assert "Open: servers may use it." in said

    with site.serving():
        async with site.administered() as place:
            place.secrets, place.user = secrets, user
            await all_of_before_is_dead_at_the_server(place, life, cookies)
            look_again(followed)
            await fresh(followed)
            with Guard(place.issuer, audience=NOTES) as new:
                await fresh(new)
                for guard in (new, followed):
                    for name, token in life.access.items():
                        assert (await refusal_of(guard, token)).reason in GONE, name
                await life_begins_anew(place, (new, followed))
    followed.stop()


async def live_and_back_up(
    site: Site, place: Installation, person: Person, life: Life
) -> httpx2.Cookies:
    """Begin all that there is, and back up while others go on; gives the browser's cookies."""
    async with under_load(place) as answers:
        life.keep("online", await person.tokens())
        life.keep("ended", await person.tokens("spa", scope=ANYTHING), "spa")
        life.access["service"] = await place.service_token()
        life.codes.append((await person.code(), person.verifier))
        await until(lambda: len(answers) > 2)
        backing_up = asyncio.create_task(site.run("database", "backup", "--to", str(site.backup)))
        spent = (await person.code(), person.verifier)
        code, said = await backing_up
        assert code == 0, said
        count = len(answers)
        await until(lambda: len(answers) > count + 2)
        life.keep("backed up in the middle", answers[0])
        life.keep("refreshed since", answers[-1])
    person.verifier = spent[1]
    assert (await person.exchange(spent[0])).status_code == 200
    life.codes.append(spent)
    return httpx2.Cookies(person.browser.cookies)


async def live_on(place: Installation, person: Person, life: Life, guard: Guard) -> None:
    """What the backup does not know: endings, a withdrawn key, other people, other clients."""
    answer = await refreshed(place, *life.refresh["online"])
    life.keep("online, refreshed", answer.json())
    grant = next(
        each
        for each in await place.authority.store.read(lambda tx: tx.grants.every())
        if each.client_id == "spa"
    )
    await end(place, Ends.GRANT, grant.id)
    assert (await refusal_of(guard, life.access["ended"])).reason is Reason.REVOKED
    await end(place, Ends.KEY, await signing_kid(place))
    await until(lambda: refusal(guard, life.access["service"]) is not None)
    await end(place, Ends.CLIENT, "service")
    await place.add_client("later")
    life.access["a client of later"] = await place.service_token("later")
    await place.add_user("grace@example.com")
    async with place.browser() as browser:
        other = Person(place, browser, "grace@example.com")
        life.keep("a person of later", await other.tokens(scope=ANYTHING))
    life.keep("a new sign-in", await person.tokens(scope=ANYTHING))
    look_again(guard)
    await until(lambda: refusal(guard, life.access["a new sign-in"]) is None)
    for name in ("a person of later", "a new sign-in", "a client of later"):
        assert await is_active(place, life.access[name]), name
    for name in ("a person of later", "a new sign-in", "refreshed since", "online, refreshed"):
        assert await is_active(place, life.refresh[name][0]), name
    user_id = person.user_id
    for session in await place.authority.store.read(lambda tx: tx.sessions.of_user(user_id)):
        await end(place, Ends.SESSION, session.id)


def look_again(guard: Guard) -> None:
    """Let the guard fetch keys at once: it does so by itself after half a minute at most."""
    (state,) = guard._states.values()
    for keys in (state.keys, state.feed_keys):
        keys._last_look -= 60
        keys.due = 0
    guard._follower.wake()


async def all_of_before_is_dead_at_the_server(
    place: Installation, life: Life, cookies: httpx2.Cookies
) -> None:
    for name, token in life.access.items():
        assert not await is_active(place, token), name
        assert await userinfo(place, token) == 401, name
    for name, (token, client_id) in life.refresh.items():
        answer = await refreshed(place, token, client_id)
        assert answer.status_code == 400, (name, answer.text)
        assert not await is_active(place, token), name
    async with place.browser() as browser:
        person = Person(place, browser)
        for code, verifier in life.codes:
            person.verifier = verifier
            assert (await person.exchange(code)).status_code == 400
    async with place.browser(cookies=cookies) as browser:
        silent = await Person(place, browser).open(prompt="none")
        assert answer_of(silent)["error"] == "login_required"
        assert 'name="password"' in (await Person(place, browser).open()).text


async def life_begins_anew(place: Installation, guards: tuple[Guard, ...]) -> None:
    """Who signs in is asked again what the app may; then all is as ever, at every guard."""
    async with place.browser() as browser:
        person = Person(place, browser)
        page = await person.sign_in(await person.open("app", scope=ANYTHING))
        assert "permission" in page.text, "what was agreed to may have been taken back since"
        code = answer_of(await person.allow(page))["code"]
        tokens = (await person.exchange(code)).json()
    service = await place.service_token()
    for guard in guards:
        await until(lambda guard=guard: refusal(guard, service) is None)
        guard.check(tokens["access_token"])
    await end(place, Ends.FAMILY, guards[0].check(tokens["access_token"]).claims["fam"])
    for guard in guards:
        assert (await refusal_of(guard, tokens["access_token"])).reason is Reason.REVOKED
        guard.check(service)
    assert (await refreshed(place, tokens["refresh_token"])).status_code == 400
