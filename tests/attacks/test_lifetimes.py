"""Living longer than one may: far expiries, stale reads, old answers, copied cookies (S26)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.oauth.access_token import access_token_from
from counterfoil.oauth.revocations import Marks, RevocationSet, notice_from
from counterfoil.server.opening import Outside
from counterfoil.server.protocol import end_dates, registration, shortening
from counterfoil.server.protocol.audience import audience_of
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings, load
from counterfoil.server.storage.sqlite import SqliteStore
from tests.installation import (
    NOTES,
    Clock,
    Installation,
    Person,
    answer_of,
    hidden_fields,
    permissions_in,
    restarted,
)

DAY = 86_400
MONTH = 30 * DAY


async def change_client(place: Installation, client_id: str, **policy: Any) -> None:
    async def work(tx: Transaction) -> None:
        found = await tx.clients.find(client_id)
        assert found is not None
        wanted = replace(found, policy=replace(found.policy, **policy))
        await registration.update_client(tx, wanted, CLI, development=True)

    await place.authority.store.transact(work)


async def change_api(place: Installation, seconds: int | None) -> None:
    async def work(tx: Transaction) -> None:
        found = await tx.apis.find(NOTES)
        assert found is not None
        await registration.update_api(tx, replace(found, token_lifetime=seconds), CLI)

    await place.authority.store.transact(work)


def marks_of(token: str) -> tuple[Marks, int]:
    claims = access_token_from(unverified_claims(token))
    assert claims is not None
    return claims.marks(str(unverified_header(token)["kid"])), claims.exp


async def guard_of(place: Installation) -> RevocationSet:
    """What a guard holds that has applied every notice."""
    held = RevocationSet()
    for text in await place.authority.store.read(lambda tx: tx.notices.live()):
        held.apply(notice_from(text))
    return held


async def is_let_in(place: Installation, token: str) -> bool:
    """Whether introspection lets it live; a guard that applied all notices must say the same."""
    now = int(place.clock())
    said = (await place.post("/introspect", "service", token=token)).json()
    marks, exp = marks_of(token)
    guarded = now < exp and (await guard_of(place)).rejects(marks, now) is None
    assert said["active"] is guarded
    return guarded


@pytest.mark.anyio
async def test_a_far_expiry_is_worth_nothing_after_a_shortening(own: Installation) -> None:
    """S26: a token stolen while lifetimes were long; also across the clock's edges."""
    await change_api(own, MONTH)
    stolen = await own.service_token()
    own.clock.turn(DAY)
    assert await is_let_in(own, stolen)
    await change_api(own, DAY + 1)
    assert await is_let_in(own, stolen)
    own.clock.turn(1)
    assert not await is_let_in(own, stolen)
    for seconds in (MONTH, None, MONTH - 1):
        await change_api(own, seconds)
        assert not await is_let_in(own, stolen)


@pytest.mark.anyio
async def test_the_notice_outlives_the_farthest_token(own: Installation) -> None:
    """S41: guards may forget it only when nothing that it limits can have an exp to come."""
    await change_api(own, MONTH)
    stolen = await own.service_token()
    _, exp = marks_of(stolen)
    own.clock.turn(1)
    await change_api(own, 60)
    own.clock.turn(exp - 1 - own.clock())
    assert int(own.clock()) < exp
    await own.authority.store.transact(lambda tx: tx.sweep(100))
    assert not await is_let_in(own, stolen)


@pytest.mark.anyio
async def test_a_token_minted_from_a_read_before_the_shortening_is_limited(
    own: Installation,
) -> None:
    """A stale read gives the old generation with the old lifetime: never the new one with it."""
    own_settings, store = own.authority.settings, own.authority.store

    async def read(tx: Transaction) -> Any:
        client = await tx.clients.find("service")
        assert client is not None
        return client, await audience_of(tx, NOTES, client, own_settings)

    client, stale = await store.read(read)
    await change_api(own, 60)
    await change_client(own, "service", access_token_lifetime=30)
    held, now = await guard_of(own), int(own.clock())
    marks = Marks("j", "", "service", client.generation, NOTES, stale.generation, "k", now)
    assert stale.lifetime == 3600
    assert held.rejects(marks, now + 29) is None
    assert held.rejects(marks, now + 30) is not None
    client, fresh = await store.read(read)
    assert fresh.lifetime == 30


@pytest.mark.anyio
async def test_a_process_that_was_left_behind_mints_nothing_longer(own: Installation) -> None:
    """A rolling restart with a shorter default: the old process lives on, with the old settings."""
    old = await own.service_token()
    async with restarted(own, access_token_lifetime=60):
        left_behind = await own.service_token()
        _, exp = marks_of(left_behind)
        assert exp == int(own.clock()) + 60
        own.clock.turn(60)
        assert not await is_let_in(own, old)
        assert not await is_let_in(own, left_behind)


@pytest.mark.anyio
async def test_a_client_cannot_raise_its_own_lifetime(own: Installation) -> None:
    """S22: not by asking for it, and not by a policy beyond what the API says."""
    for form in ({"expires_in": "999999"}, {"lifetime": "999999"}, {"exp": "9999999999"}):
        answer = await own.post("/token", "service", grant_type="client_credentials", **form)
        assert answer.json()["expires_in"] == 3600
    await change_client(own, "service", access_token_lifetime=MONTH)
    answer = await own.post("/token", "service", grant_type="client_credentials")
    assert answer.json()["expires_in"] == 3600


@pytest.mark.anyio
async def test_an_answer_sent_again_lengthens_no_end_date(own: Installation) -> None:
    """S13: neither the same answer later, nor an older page that said more."""
    async with own.browser() as browser:
        person = Person(own, browser)
        old_page = await person.sign_in(await person.open())
        own.clock.turn(60)
        page = await person.open()
        form = hidden_fields(page.text) | {"permission": permissions_in(page.text)}
        form |= {"decision": "allow", "span": "day"}
        assert (await browser.post("/consent", data=form)).status_code == 303
        end = await end_date(own, person)
        assert end == int(own.clock()) + DAY
        own.clock.turn(600)
        for again in (form, form | {"span": "as_before"}):
            await browser.post("/consent", data=again)
            assert await end_date(own, person) == end
        for span in ("until_taken_back", "year", "as_before"):
            await person.allow(old_page, span=span)
            assert await end_date(own, person) == end
        form.pop("span")
        await browser.post("/consent", data=form)
        assert await end_date(own, person) == end


@pytest.mark.anyio
async def test_an_answer_from_before_an_administrator_set_the_end_lengthens_nothing(
    own: Installation,
) -> None:
    """S13: the page stood open meanwhile."""
    async with own.browser() as browser:
        person = Person(own, browser)
        page = await person.sign_in(await person.open())
        await person.allow(page)
        own.clock.turn(1)
        page = await person.open(scope="openid notes:read notes:write")
        own.clock.turn(1)
        store, end = own.authority.store, int(own.clock()) + 2 * DAY
        grant = await store.read(lambda tx: tx.grants.between(person.user_id, "app"))
        assert grant is not None
        await store.transact(lambda tx: end_dates.limit_grant(tx, grant, end, CLI))
        assert "code" in answer_of(await person.allow(page, span="until_taken_back"))
        assert await end_date(own, person) == end


async def end_date(place: Installation, person: Person) -> int | None:
    store = place.authority.store
    grant = await store.read(lambda tx: tx.grants.between(person.user_id, "app"))
    assert grant is not None
    return grant.ends_at


@pytest.mark.anyio
async def test_as_before_makes_no_permission_for_ever_of_one_that_has_ended(
    own: Installation,
) -> None:
    """S13: the page was opened while it stood, and answered when its day had passed."""
    async with own.browser() as browser:
        person = Person(own, browser)
        await person.allow(await person.sign_in(await person.open()), span="day")
        own.clock.turn(DAY - 60)
        page = await person.open(scope="openid notes:read notes:write")
        own.clock.turn(60)
        asked_again = await person.allow(page, span="as_before")
        assert "For how long" in asked_again.text
        store = own.authority.store
        assert await store.read(lambda tx: tx.grants.of_user(person.user_id)) == []


@pytest.mark.anyio
async def test_a_copied_cookie_keeps_nobody_signed_in_for_ever(own: Installation) -> None:
    """S34: a session until the browser closes, copied elsewhere: the server ends it all the same.

    It is never given a life of its own in the browser, and use does not carry it past its end.
    """
    async with own.browser() as browser:
        person = Person(own, browser)
        await person.sign_in(await browser.get("/sign-in"), keep=False)
        stolen = browser.cookies["counterfoil_session"]
    authority, visits = own.authority, 0
    async with own.browser(cookies={"counterfoil_session": stolen}) as thief:
        while (answer := await thief.get("/account/apps")).status_code == 200:
            assert "set-cookie" not in answer.headers
            await authority.activity.flush(authority.store)
            own.clock.turn(6 * DAY)
            visits += 1
    assert visits == MONTH // (6 * DAY)


@pytest.mark.anyio
async def test_proof_anew_is_not_put_off_by_using_the_session(own: Installation) -> None:
    """S30: neither use nor a silent authorization is proof."""
    await change_client(own, "app", reproof_interval=DAY)
    async with own.browser() as browser:
        person = Person(own, browser)
        await person.code()
        for _ in range(4):
            own.clock.turn(DAY // 4)
            await browser.get("/account/apps")
            last = await person.open(prompt="none")
        assert answer_of(last)["error"] == "login_required"


class Step(Struct, frozen=True):
    """One thing that happens: ``what`` to which of two APIs or clients, with how many seconds."""

    what: str
    which: int = 0
    seconds: int | None = None


class Out(Struct):
    """A token that is out, and the model of when it dies."""

    marks: Marks
    api: int
    client: int
    iat: int
    exp: int
    dies_at: int


LIFETIMES = st.sampled_from([1, 2, 4, 7, 11, 16])
OWN = LIFETIMES | st.none()
STEPS = st.one_of(
    st.builds(Step, st.just("issue"), st.integers(0, 5)),
    st.builds(Step, st.just("api"), st.integers(0, 1), OWN),
    st.builds(Step, st.just("client"), st.integers(0, 1), OWN),
    st.builds(Step, st.just("default"), st.just(0), LIFETIMES),
    st.builds(Step, st.just("wait"), st.just(0), st.integers(1, 5)),
)
URIS = ("https://a.example", "https://b.example")
CLIENTS = ("c", "d")


class World:
    """The real rules on a real store, beside a model that knows nothing but the sentence below."""

    def __init__(self, store: SqliteStore, clock: Clock, data: str) -> None:
        self.store, self.clock = store, clock
        self.settings: Settings = load({}, {"data": data, "access_token_lifetime": 7})
        self.out: list[Out] = []
        self.apis: list[int | None] = [None, None]
        self.clients: list[int | None] = [None, None]

    async def begin(self) -> None:
        async def work(tx: Transaction) -> None:
            for uri in URIS:
                api = Api(uri=uri, name=uri, created_at=1, scopes={uri[8]: "It"})
                await registration.add_api(tx, api, CLI)
            for client_id in CLIENTS:
                client = Client(
                    client_id=client_id,
                    client_name=client_id,
                    created_at=1,
                    grant_types=("client_credentials",),
                    scopes=frozenset({"a", "b"}),
                )
                await registration.add_client(tx, client, CLI, development=True)

        await self.store.transact(work)
        await self.start()

    async def start(self) -> None:
        async def work(tx: Transaction) -> None:
            await tx.sealed.raise_to("longest_lifetime", self.settings.access_token_lifetime)
            await shortening.note_default(tx, self.settings)

        await self.store.transact(work)

    async def take(self, step: Step) -> None:
        before = [self.effective(api) for api in range(3)], list(self.clients)
        match step.what:
            case "issue":
                await self.issue(step.which % 3, step.which % 2)
            case "api":
                await self.change_api(step.which, step.seconds)
            case "client":
                await self.change_client(step.which, step.seconds)
            case "default":
                changed = step.seconds or 1
                self.settings = replace(self.settings, access_token_lifetime=changed)
                await self.start()
            case "wait":
                self.clock.turn(step.seconds or 0)
        self.hold(*before)

    def effective(self, api: int) -> int:
        own = self.apis[api] if api < len(URIS) else None
        return own or self.settings.access_token_lifetime

    def hold(self, apis: list[int], clients: list[int | None]) -> None:
        """The model: a token lives until its exp, or until any lifetime set after its issue."""
        for token in self.out:
            limit = self.effective(token.api)
            if limit != apis[token.api]:
                token.dies_at = min(token.dies_at, token.iat + limit)
            own = self.clients[token.client]
            if own is not None and own != clients[token.client]:
                token.dies_at = min(token.dies_at, token.iat + own)

    async def issue(self, api: int, client: int) -> None:
        async def work(tx: Transaction) -> tuple[Client, Any]:
            found = await tx.clients.find(CLIENTS[client])
            assert found is not None
            resource = URIS[api] if api < len(URIS) else None
            return found, await audience_of(tx, resource, found, self.settings)

        found, audience = await self.store.read(work)
        now, name = int(self.clock()), f"t{len(self.out)}"
        generations = found.generation, audience.generation
        marks = Marks(
            name, "", found.client_id, generations[0], audience.uri, generations[1], "k", now
        )
        exp = now + audience.lifetime
        self.out.append(Out(marks, api, client, now, exp, exp))

    async def change_api(self, which: int, seconds: int | None) -> None:
        async def work(tx: Transaction) -> None:
            found = await tx.apis.find(URIS[which])
            assert found is not None
            await registration.update_api(tx, replace(found, token_lifetime=seconds), CLI)

        await self.store.transact(work)
        self.apis[which] = seconds

    async def change_client(self, which: int, seconds: int | None) -> None:
        async def work(tx: Transaction) -> None:
            found = await tx.clients.find(CLIENTS[which])
            assert found is not None
            policy = ClientPolicy(access_token_lifetime=seconds)
            wanted = replace(found, policy=policy)
            await registration.update_client(tx, wanted, CLI, development=True)

        await self.store.transact(work)
        self.clients[which] = seconds

    async def check(self, guard: RevocationSet) -> None:
        """At this second the guard accepts exactly what the model does; it forgets in time."""
        now = int(self.clock())
        for text in await self.store.read(lambda tx: tx.notices.live()):
            guard.apply(notice_from(text))
        guard.forget(now)
        for token in self.out:
            accepted = now < token.exp and guard.rejects(token.marks, now) is None
            assert accepted == (now < token.dies_at), (token, now)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    with TemporaryDirectory() as folder:
        clock = Clock()
        store = SqliteStore.open(Path(folder) / "w.db", clock=clock, random=Outside().random)
        try:
            begun = World(store, clock, folder)
            await begun.begin()
            yield begun
        finally:
            await store.close()


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=25))
def test_a_guard_accepts_a_token_exactly_until_the_shortest_lifetime_set_since(
    history: list[Step],
) -> None:
    """S26: for every history of changes, now < min(exp, iat + each lifetime set after it)."""

    async def live() -> None:
        async with world() as it:
            guard = RevocationSet()
            for step in history:
                await it.take(step)
                await it.check(guard)
            for _ in range(17):
                it.clock.turn(1)
                await it.check(guard)

    asyncio.run(live())
