"""Coming in by a provider, as a browser does it: there, and back."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from counterfoil.oauth.opaque import Secret
from counterfoil.server.protocol import providers
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.providers import NewProvider
from counterfoil.server.records.linked_identity import LinkedIdentity
from counterfoil.server.records.provider import Provider
from tests.installation import Installation, hidden_fields
from tests.upstreams import CLIENT_ID, CLIENT_SECRET, GitHub, Upstream, upstream


async def add_provider(
    place: Installation, theirs: Upstream, provider_id: str = "theirs", **policy: Any
) -> Provider:
    """Let people come in by a provider."""
    new = NewProvider(
        preset="github" if isinstance(theirs, GitHub) else "oidc",
        client_id=CLIENT_ID,
        client_secret=Secret(CLIENT_SECRET),
        id=provider_id,
        name=provider_id.title(),
        issuer=theirs.issuer,
        policy=policy,
        is_typed=True,
    )
    sealing = place.authority.upstream
    return await place.authority.store.transact(lambda tx: providers.add(tx, sealing, new, CLI))


@asynccontextmanager
async def provided(
    place: Installation, provider_id: str = "theirs", **policy: Any
) -> AsyncIterator[Upstream]:
    """A provider that runs, and at which people may sign in to come in here."""
    async with upstream(Upstream, place.clock) as it:
        await add_provider(place, it, provider_id, **policy)
        yield it


async def away(browser: httpx2.AsyncClient, answer: httpx2.Response) -> httpx2.Response:
    """Follow redirects here, and one to a provider; gives where it sends the browser back to."""
    while answer.status_code == 303:
        target = answer.headers["location"]
        if target.startswith("http") and not target.startswith(str(browser.base_url)):
            async with httpx2.AsyncClient(trust_env=False) as outside:
                return await outside.get(target)
        answer = await browser.get(target)
    return answer


async def back(browser: httpx2.AsyncClient, there: httpx2.Response) -> httpx2.Response:
    """Come back from a provider, and follow redirects here."""
    assert there.status_code == 302, there.text
    answer = await browser.get(there.headers["location"])
    while answer.status_code == 303:
        target = answer.headers["location"]
        if target.startswith("http") and not target.startswith(str(browser.base_url)):
            return answer
        answer = await browser.get(target)
    return answer


async def come(
    browser: httpx2.AsyncClient, provider_id: str = "theirs", query: str = ""
) -> httpx2.Response:
    """The whole way, from the button to the page behind."""
    sent = await browser.get(f"/sign-in/with/{provider_id}{query}")
    return await back(browser, await away(browser, sent))


async def link(browser: httpx2.AsyncClient, provider_id: str = "theirs") -> httpx2.Response:
    """Link an account at a provider to the one that is signed in."""
    there = await away(browser, await browser.get(f"/account/providers/link/{provider_id}"))
    page = await back(browser, there)
    assert "Link it" in page.text, page.text
    return await browser.post("/account/providers/link", data=hidden_fields(page.text))


async def is_in(browser: httpx2.AsyncClient) -> bool:
    """Whether somebody is signed in there."""
    return (await browser.get("/account/security")).status_code == 200


async def identities_of(place: Installation, user_id: str) -> list[LinkedIdentity]:
    """What is linked to a person."""
    return await place.authority.store.read(lambda tx: tx.identities.of_user(user_id))


def buttons_in(page: str) -> dict[str, str]:
    """The links to providers on a page, by what they say."""
    found = re.findall(r'<a class="button" href="([^"]*/sign-in/with/[^"]*)">(.*?)</a>', page)
    return {re.sub("<[^>]+>", "", text): html.unescape(href) for href, text in found}
