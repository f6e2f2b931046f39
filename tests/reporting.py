"""Reports as guards send them: by hand, where a test wants to say something odd."""

from typing import Any

import httpx2
import msgspec

from counterfoil.jose.jwt import unverified_claims
from counterfoil.server.records.client import REPORT
from counterfoil.server.records.event import Event, EventKind, EventQuery
from tests.installation import NOTES, Installation

HOME, WORK, AWAY = "192.0.2.7", "198.51.100.9", "203.0.113.200"
"""Three networks."""


async def add_guard(place: Installation, client_id: str = "guard", **members: Any) -> None:
    """Register a client for a guard that reports."""
    await place.add_client(client_id, **({"scopes": frozenset({REPORT})} | members))


def sighting(place: Installation, token: str, where: str = HOME, **changes: Any) -> dict[str, Any]:
    """One sighting of a token, just now unless ``at`` says so many seconds before or after."""
    claims = unverified_claims(token)
    now = int(place.clock()) + changes.pop("at", 0)
    whole = {
        "jti": claims["jti"],
        "client_id": claims["client_id"],
        "expires_at": claims["exp"],
        "place": where,
        "first": now,
        "last": now,
        "count": 1,
    }
    return whole | changes


async def post(
    place: Installation, body: bytes | str, client_id: str = "guard", **headers: str
) -> httpx2.Response:
    """Send a body to the endpoint, whatever it is."""
    given = {"content-type": "application/json"} | headers
    async with place.browser() as browser:
        auth = (client_id, place.secrets.get(client_id, ""))
        return await browser.post("/reports", content=body, headers=given, auth=auth)


async def report(
    place: Installation, *sightings: dict[str, Any], client_id: str = "guard", **changes: Any
) -> httpx2.Response:
    """Report as a guard of the API ``NOTES``."""
    whole = {"audience": NOTES, "sent_at": int(place.clock()), "sightings": sightings} | changes
    return await post(place, msgspec.json.encode(whole), client_id)


async def taken(place: Installation, *sightings: dict[str, Any], **changes: Any) -> int:
    """Report; gives how many sightings were taken."""
    answer = await report(place, *sightings, **changes)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["taken"] + told["ignored"] == len(sightings)
    return int(told["taken"])


async def used(place: Installation, token: str, where: str, *moments: int) -> None:
    """Have a token seen in a place at each of these moments, counted from now, in one report."""
    seen = [sighting(place, token, where, at=at) for at in moments]
    assert await taken(place, *seen) == len(seen)


async def told(place: Installation) -> list[Event]:
    """The events about tokens in two places, newest first."""
    query = EventQuery(kind=EventKind.TOKEN_IN_TWO_PLACES, limit=1000)
    return await place.authority.store.read(lambda tx: tx.events.find(query))
