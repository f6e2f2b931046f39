"""Allowances of tokens, and guards that take of them: by hand, where a test wants something odd."""

import secrets
from typing import Any

import httpx2
import msgspec

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.access_token import AccessToken
from counterfoil.oauth.allowances import USES
from counterfoil.oauth.limits import Limits
from counterfoil.server.records.allowance import Allowance
from counterfoil.server.records.client import SPEND
from tests.installation import NOTES, Installation


async def add_guard(place: Installation, client_id: str = "guard", **members: Any) -> str:
    """Register a client for a guard that counts; gives its secret."""
    return await place.add_client(client_id, **({"scopes": frozenset({SPEND})} | members))


async def allow(place: Installation, token: str, total: int, name: str = USES) -> str:
    """Allow a token so much of something; gives its fingerprint."""
    claims = msgspec.convert(unverified_claims(token), AccessToken)
    allowance = Allowance(
        name=name,
        total=total,
        marks=claims.marks(""),
        subject=claims.sub,
        expires_at=claims.exp,
        kept_until=claims.exp + 60,
    )
    await place.authority.store.transact(lambda tx: tx.allowances.add(allowance))
    return claims.jti


def new_key() -> str:
    return secrets.token_urlsafe(16)


def take(jti: str, amount: int = 1, **changes: Any) -> dict[str, Any]:
    """One take, under a new key."""
    return {"jti": jti, "name": USES, "key": new_key(), "amount": amount} | changes


async def post(
    place: Installation, body: bytes | str, client_id: str = "guard", **headers: str
) -> httpx2.Response:
    """Send a body to the endpoint, whatever it is."""
    given = {"content-type": "application/json"} | headers
    async with place.browser() as browser:
        auth = (client_id, place.secrets.get(client_id, ""))
        return await browser.post("/allowances", content=body, headers=given, auth=auth)


async def spend(
    place: Installation,
    *takes: dict[str, Any],
    returns: list[dict[str, Any]] | None = None,
    client_id: str = "guard",
    audience: str = NOTES,
) -> httpx2.Response:
    """Take and give back as a guard of the API ``NOTES``."""
    whole = {"audience": audience, "takes": takes, "returns": returns or []}
    return await post(place, msgspec.json.encode(whole), client_id)


async def granted(place: Installation, *takes: dict[str, Any], **changes: Any) -> list[Any]:
    """Take; gives of each how much was granted, or why nothing."""
    answer = await spend(place, *takes, **changes)
    assert answer.status_code == 200, answer.text
    return [each.get("refused") or each["granted"] for each in answer.json()["takes"]]


async def left(place: Installation, jti: str, name: str = USES) -> int:
    found = await place.authority.store.read(lambda tx: tx.allowances.find(jti, name))
    assert found is not None
    return found.left


def act(jti: str, amount: int = 1, **changes: Any) -> dict[str, Any]:
    """One transaction, under a new key."""
    asked = {"jti": jti, "action": "transfer", "unit": "EUR", "key": new_key(), "amount": amount}
    return asked | changes


async def acted(place: Installation, *acts: Any, client_id: str = "guard", **whole: Any) -> Any:
    """Ask for transactions; gives of each how much was granted, or why nothing."""
    asked = {"audience": NOTES, "acts": acts} | whole
    answer = await post(place, msgspec.json.encode(asked), client_id)
    assert answer.status_code == 200, answer.text
    return [each.get("refused") or each["granted"] for each in answer.json()["acts"]]


COUNTED = {
    "type": "counterfoil_limit",
    "action": "transfer",
    "unit": "EUR",
    "per_transaction": 2500,
    "count": 3,
    "sum": 4000,
}
"""A limit of which something is counted."""


async def counted_token(place: Installation, *limits: dict[str, Any]) -> str:
    """A service's token that was issued while the API had limits; it has none afterwards."""
    await place.set_policy(NOTES, limits=msgspec.convert(limits or [COUNTED], Limits))
    try:
        return await place.service_token()
    finally:
        await place.set_policy(NOTES, limits=())
