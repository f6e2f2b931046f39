"""Whoever signs out here may sign out where they came from, and what that gave them goes back."""

import html
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.server.records.provider import Provider
from tests.coming import add_provider, come, identities_of, is_in
from tests.installation import Installation, Person, hidden_fields, installed
from tests.upstreams import CLIENT_ID, Upstream, upstream

pytestmark = pytest.mark.anyio
SETTINGS: dict[str, Any] = {"registration": "open", "sign_in_rate_per_minute": 1_000_000}


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("site"), **SETTINGS) as place:
        yield place


@pytest.fixture(scope="module")
async def theirs(place: Installation) -> AsyncIterator[Upstream]:
    async with upstream(Upstream, place.clock) as it:
        it.metadata = {"end_session_endpoint": f"{it.issuer}/leave?x=y"}
        await add_provider(place, it, keeps_tokens=True)
        yield it


@pytest.fixture(autouse=True)
async def usual(place: Installation, theirs: Upstream) -> AsyncIterator[None]:
    theirs.revoked.clear()
    yield
    await believe(place)


async def believe(place: Installation, **policy: Any) -> None:
    async def work(tx: Any) -> None:
        found: Provider = await tx.providers.find("theirs")
        wanted = type(found.policy)(**({"keeps_tokens": True} | policy))
        await tx.providers.update(replace(found, policy=wanted, disabled_at=None))

    await place.authority.store.transact(work)


@pytest.fixture
async def browser(place: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    async with place.browser() as browser:
        yield browser


async def came(browser: httpx2.AsyncClient, theirs: Upstream, subject: str = "") -> str:
    subject = subject or secrets.token_hex(6)
    theirs.sign_in(subject, email=f"{subject}@example.com", email_verified=True, name="Grace")
    await come(browser)
    assert await is_in(browser)
    return subject


async def sign_out(browser: httpx2.AsyncClient) -> httpx2.Response:
    """By the button of the account page."""
    page = await browser.get("/account/apps")
    answer = await browser.post("/account/sign-out", data=hidden_fields(page.text))
    assert answer.status_code == 303
    assert not await is_in(browser)
    return await browser.get(answer.headers["location"])


def there_on(page: httpx2.Response) -> str:
    """Where a page offers to sign out too."""
    found = re.search(r'href="(http[^"]+/leave[^"]*)"', page.text)
    return html.unescape(found[1]) if found else ""


async def kept(place: Installation, email: str) -> bool:
    user = await place.authority.store.read(lambda tx: tx.users.find_by_email(email))
    assert user is not None
    (identity,) = await identities_of(place, user.id)
    return identity.sealed_tokens is not None


async def test_it_is_offered_to_sign_out_there_and_what_was_given_goes_back(
    place: Installation, theirs: Upstream, browser: httpx2.AsyncClient
):
    """S114: revocation (RFC 7009), and a logout that the person themself goes on to."""
    subject = await came(browser, theirs)
    assert await kept(place, f"{subject}@example.com")
    page = await sign_out(browser)
    assert "Sign out at Theirs too" in page.text
    there = urlsplit(there_on(page))
    assert f"{there.scheme}://{there.netloc}{there.path}" == f"{theirs.issuer}/leave"
    assert parse_qs(there.query) == {"x": ["y"], "client_id": [CLIENT_ID]}
    assert len(theirs.revoked) == 1
    assert not await kept(place, f"{subject}@example.com")


async def test_so_it_is_where_an_app_asked_for_it(
    place: Installation, theirs: Upstream, browser: httpx2.AsyncClient
):
    await came(browser, theirs)
    page = await browser.get("/logout")
    answer = await browser.post("/logout", data=hidden_fields(page.text) | {"decision": "logout"})
    assert "Sign out at Theirs too" in (await browser.get(answer.headers["location"])).text
    assert len(theirs.revoked) == 1


async def test_while_another_browser_goes_on_nothing_is_given_back(
    place: Installation, theirs: Upstream, browser: httpx2.AsyncClient
):
    """S114."""
    subject = await came(browser, theirs)
    async with place.browser() as another:
        await came(another, theirs, subject)
        await sign_out(browser)
        assert theirs.revoked == []
        await sign_out(another)
    assert len(theirs.revoked) == 1


async def test_the_provider_may_be_one_whose_tokens_are_for_later(
    place: Installation, theirs: Upstream, browser: httpx2.AsyncClient
):
    await believe(place, revokes_at_sign_out=False)
    subject = await came(browser, theirs)
    assert "Sign out at Theirs too" in (await sign_out(browser)).text
    assert theirs.revoked == []
    assert await kept(place, f"{subject}@example.com")


@pytest.mark.one_engine("nothing of it is kept")
async def test_nothing_is_offered_to_whom_it_does_not_concern(
    place: Installation, theirs: Upstream, browser: httpx2.AsyncClient
):
    """Nor is anybody sent anywhere by an address that somebody else has made up."""
    user = await place.add_user(f"{secrets.token_hex(6)}@example.com")
    await Person(place, browser, user.email, user.id).tokens()
    assert there_on(await sign_out(browser)) == ""
    for query in ("provider=nobody", "provider=", "provider=theirs&provider=theirs"):
        assert there_on(await browser.get(f"/signed-out?{query}")) == ""
    assert there_on(await browser.get("/signed-out?provider=theirs"))

    async def disable(tx: Any) -> None:
        found: Provider = await tx.providers.find("theirs")
        await tx.providers.update(replace(found, disabled_at=tx.now))

    await place.authority.store.transact(disable)
    assert there_on(await browser.get("/signed-out?provider=theirs")) == ""


@pytest.mark.one_engine("nothing of it is kept")
@pytest.mark.parametrize(
    "url", ["", "http://elsewhere.example/leave", "javascript:alert(1)//leave"]
)
async def test_a_provider_that_cannot_be_gone_to_is_not_offered(
    place: Installation, browser: httpx2.AsyncClient, url: str
):
    async with upstream(Upstream, place.clock) as it:
        it.metadata = {"end_session_endpoint": url} if url else {}
        name = f"p{secrets.token_hex(4)}"
        await add_provider(place, it, name)
        page = await browser.get(f"/signed-out?provider={name}")
    assert page.status_code == 200
    assert "too</a>" not in page.text
