"""The notes app: its sessions, its forms, and how it keeps its tokens fresh."""

import json
import time
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from examples.notes_web.app import Setup, notes_web
from tests.examples.demonstration import Demonstration, demonstration
from tests.interop.serving import allowed

pytestmark = pytest.mark.anyio
EMAIL = "ada@example.com"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    with demonstration(tmp_path_factory.mktemp("run") / "data") as it:
        yield it


@pytest.fixture(scope="module")
def setup(run: Demonstration) -> Setup:
    client_id = f"notes-web-{run.issuer.rpartition(':')[2]}"
    printed = run.counterfoil("client", "rotate-secret", client_id, "--json")
    return Setup(
        issuer=run.issuer,
        client_id=client_id,
        client_secret=json.loads(printed)["client_secret"],
        origin=run.web,
        api_url=run.api,
    )


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Visitor:
    """A browser at an app of our own making, which is told the time by us."""

    def __init__(self, run: Demonstration, setup: Setup) -> None:
        self.run = run
        self.clock = Clock()
        self.notes_web = notes_web(setup, self.clock)
        self.app = self.browser()
        self.server = httpx2.Client(base_url=run.issuer, trust_env=False)

    def browser(self) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(self.notes_web)
        headers = {"Origin": self.run.web}
        return httpx2.AsyncClient(transport=transport, base_url=self.run.web, headers=headers)

    async def sign_in(self) -> httpx2.Response:
        sent = await self.app.get("/sign-in")
        password = self.run.passwords[EMAIL]
        return await self.app.get(allowed(self.server, sent.headers["location"], EMAIL, password))

    @property
    def cookie(self) -> str:
        return self.app.cookies["notes_session"]


@pytest.fixture
async def visitor(run: Demonstration, setup: Setup) -> AsyncIterator[Visitor]:
    it = Visitor(run, setup)
    lifespan = it.notes_web.router.lifespan_context(it.notes_web)
    async with lifespan, it.app:
        with it.server:
            yield it


async def test_signing_in_shows_the_notes(visitor: Visitor):
    assert "Sign in" in (await visitor.app.get("/")).text
    assert (await visitor.sign_in()).headers["location"] == "/"
    home = await visitor.app.get("/")
    assert "Welcome!" in home.text
    assert EMAIL in home.text


async def test_the_session_gets_a_new_name_at_every_sign_in(visitor: Visitor):
    """S104: a name that somebody planted beforehand is worth nothing."""
    await visitor.app.get("/sign-in")
    planted = visitor.cookie
    await visitor.sign_in()
    assert visitor.cookie != planted
    async with visitor.browser() as other:
        other.cookies.set("notes_session", planted)
        assert EMAIL not in (await other.get("/")).text
        other.cookies.set("notes_session", visitor.cookie)
        assert EMAIL in (await other.get("/")).text


async def test_no_token_reaches_the_browser(visitor: Visitor):
    sent = await visitor.app.get("/sign-in")
    answers = [sent, await visitor.sign_in(), await visitor.app.get("/")]
    seen = "".join(each.text + str(each.headers) for each in answers)
    assert "eyJ" not in seen
    assert "cfrt_" not in seen
    assert len(visitor.cookie) == 43


async def test_an_expired_token_is_refreshed_on_the_way(visitor: Visitor):
    """S18: the person notices nothing."""
    await visitor.sign_in()
    await visitor.app.get("/")
    visitor.clock.ahead = 3560
    home = await visitor.app.get("/")
    assert home.status_code == 200
    assert "Welcome!" in home.text


async def test_an_expired_token_of_an_ended_grant_is_told(visitor: Visitor):
    await visitor.sign_in()
    visitor.clock.ahead = 3560
    for grant in json.loads(visitor.run.counterfoil("grant", "list", "--json"))["grants"]:
        visitor.run.counterfoil("grant", "end", grant["id"], "--yes")
    refused = await visitor.app.get("/")
    assert refused.status_code == 401
    assert "invalid_grant" in refused.text
    assert "Sign in again" in refused.text
    assert (await visitor.app.get("/")).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_form_of_another_site_changes_nothing(visitor: Visitor, origin: str):
    await visitor.sign_in()
    for path in ("/notes", "/sign-out"):
        answer = await visitor.app.post(path, data={"text": "x"}, headers={"Origin": origin})
        assert answer.status_code == 403
    assert EMAIL in (await visitor.app.get("/")).text


async def test_signing_out_forgets_the_tokens_here_and_ends_the_session_there(visitor: Visitor):
    """RP-Initiated Logout 1.0 §2: nobody is asked, for the ID token names the session."""
    await visitor.sign_in()
    sent = await visitor.app.post("/sign-out")
    assert sent.headers["location"].startswith(f"{visitor.run.issuer}/logout?")
    back = visitor.server.get(sent.headers["location"])
    assert back.headers["location"] == f"{visitor.run.web}/"
    assert EMAIL not in (await visitor.app.get("/")).text
    again = visitor.server.get("/account/apps")
    assert again.headers.get("location", "").startswith("/sign-in") or "password" in again.text


async def test_a_callback_that_nobody_asked_for_signs_nobody_in(visitor: Visitor):
    """RFC 9700 §4.7: without an attempt of this browser there is nothing to finish."""
    answer = await visitor.app.get("/callback?code=c&state=s")
    assert answer.headers["location"] == "/"
    await visitor.app.get("/sign-in")
    answer = await visitor.app.get(f"/callback?code=c&state=other&iss={visitor.run.issuer}")
    assert answer.status_code == 400
    assert "state differs" in answer.text


async def test_every_page_has_a_strict_policy(visitor: Visitor):
    home = await visitor.app.get("/")
    policy = home.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "unsafe" not in policy
    assert home.headers["cache-control"] == "no-store"
    assert "<script" not in home.text
    assert "style=" not in home.text
