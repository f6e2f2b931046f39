"""Requests that come again, and what a server knows of them."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx2

from counterfoil.server.protocol.repeats import At
from tests.installation import Installation, installed

FORM: Final = {"grant_type": "client_credentials", "scope": "notes:read"}
TRIES: Final = 9


@asynccontextmanager
async def repeating(tmp_path: Path) -> AsyncIterator[Installation]:
    """A server with a client that may introspect; each client may ask 60 times a minute."""
    async with installed(tmp_path, client_rate_per_minute=60) as site:
        await site.add_client("reader", scopes=frozenset({"introspect"}))
        yield site


def header(site: Installation, client_id: str) -> str:
    return "Basic " + b64encode(f"{client_id}:{site.secrets[client_id]}".encode()).decode()


async def post(
    site: Installation, path: str, client_id: str, form: dict[str, str]
) -> httpx2.Response:
    return await site.post(path, client_id, **form)


async def known(site: Installation, at: At, client_id: str, form: dict[str, str]) -> list[object]:
    """What the connections of the store know that was decided of this very request."""
    name = site.authority.repeats.name(at, header(site, client_id), urlencode(form).encode())
    read = site.authority.store.read
    # So many at once that none of the connections is idle.
    found = await asyncio.gather(*(read(lambda tx: tx.decisions.find(name)) for _ in range(12)))
    return [decision for decision in found if decision is not None]


async def knows(site: Installation, at: At, client_id: str, form: dict[str, str]) -> bool:
    return bool(await known(site, at, client_id, form))


async def ask_often(site: Installation) -> list[dict[str, Any]]:
    """The first is decided, the second minted from that, the third after the second's likeness.

    Every few seconds it is noted when secrets were used, and all is forgotten: then once more.
    """
    for _ in range(TRIES):
        answers = [(await post(site, "/token", "service", FORM)).json() for _ in range(3)]
        if await knows(site, At.TOKEN, "service", FORM):
            return answers
    raise AssertionError("nothing is remembered of what was asked three times")


async def read_twice(site: Installation, **more: str) -> dict[str, str]:
    form = {"token": await site.service_token(scope="notes:read"), **more}
    for _ in range(TRIES):
        for _ in range(2):
            assert (await post(site, "/introspect", "reader", form)).json()["active"] is True
        if await knows(site, At.INTROSPECTION, "reader", form):
            return form
    raise AssertionError("nothing is remembered of what was asked twice")
