"""What tests of the mint endpoint share: a client that may mint, and what it sends."""

from typing import Any

import httpx2

from counterfoil.server.records.client import MINT
from tests.installation import NOTES, Installation

ONE = {"audience": NOTES, "scope": "notes:read"}


async def add_minter(place: Installation, client_id: str = "minter", **members: Any) -> None:
    members.setdefault("scopes", frozenset({MINT, "notes:read", "notes:write"}))
    await place.add_client(client_id, **members)


async def mint(
    place: Installation, described: Any, client_id: str = "minter", **query: str
) -> httpx2.Response:
    """Ask for tokens; ``described`` is sent as JSON, bytes as they are."""
    sent: dict[str, Any] = {"json": described}
    if isinstance(described, bytes):
        sent = {"content": described, "headers": {"content-type": "application/json"}}
    async with place.browser() as browser:
        auth = (client_id, place.secrets[client_id])
        return await browser.post("/mint", auth=auth, params=query, **sent)


async def minted(place: Installation, client_id: str = "minter", **members: Any) -> str:
    """Mint one token, and give it."""
    answer = await mint(place, ONE | members, client_id)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def paths(answer: httpx2.Response) -> list[str]:
    """Where the mistakes are that a refusal names."""
    assert answer.status_code == 400, answer.text
    return [each["path"] for each in answer.json()["errors"]]
