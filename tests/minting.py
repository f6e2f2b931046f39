"""What tests of the mint endpoint share: a client that may mint, and what it sends."""

from typing import Any

import httpx2

from counterfoil.server.protocol import mint_rights
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.mint_rights import NewMintRight
from counterfoil.server.records.client import MINT
from counterfoil.server.records.mint_right import MintRight
from tests.installation import NOTES, Installation

ONE = {"audience": NOTES, "scope": "notes:read"}


async def add_minter(place: Installation, client_id: str = "minter", **members: Any) -> None:
    members.setdefault("scopes", frozenset({MINT, "notes:read", "notes:write"}))
    await place.add_client(client_id, **members)


async def give_right(
    place: Installation, *users: str, client_id: str = "minter", **members: Any
) -> MintRight:
    """Let a client mint for these people, or for any where none is named; for an hour at most."""
    members.setdefault("apis", {NOTES: frozenset({"notes:read"})})
    members.setdefault("longest", 3600)
    members.setdefault("ends_at", int(place.clock()) + 86400)
    wanted = NewMintRight(client_id=client_id, users=users, any_user=not users, **members)

    async def work(tx: Any) -> Any:
        return await mint_rights.give(tx, wanted, CLI)

    right = await place.authority.store.transact(work)
    assert isinstance(right, MintRight)
    return right


def whom(user_id: str) -> dict[str, str]:
    """A person as a description names them."""
    return {"format": "opaque", "id": user_id}


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
