"""What was exchanged stays dead with its parent as long as it would have lived (RFC 8693, S41)."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.delegation import TICKET
from counterfoil.oauth.signed_ticket import signed_ticket_from
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from tests.exchanging import exchanged, furnish_exchange
from tests.installation import MAIL, NOTES, Installation, Person, installed, restarted

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("what is decided asks no engine")]
Ending = Callable[[Any, dict[str, Any]], Awaitable[object]]
KINDS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "narrowed": ("teller", {}, {}),
    "acting": ("notes-api", {"resource": MAIL}, {}),
    "bound to a URL": ("teller", {"url": f"{NOTES}/files/7"}, {}),
    "limited": ("teller", {"max_uses": "3"}, {}),
    "opaque": ("notes-api", {"resource": MAIL}, {"token_format": "reference"}),
    "registered": ("notes-api", {"resource": MAIL}, {"registry": True}),
    "listed": ("notes-api", {"resource": MAIL}, {"status_list": True}),
    "ticket": (
        "teller",
        {"requested_token_type": TICKET, "ticket_url": f"{NOTES}/files/7"},
        {},
    ),
}
ENDINGS: dict[str, Ending] = {
    "token": lambda tx, of: revocation.end_token(tx, of["jti"], of["exp"], CLI),
    "family": lambda tx, of: revocation.end_family(tx, of["fam"], "ended", CLI),
    "user": lambda tx, of: revocation.sign_out_user(tx, of["sub"], CLI),
    "disabled": lambda tx, of: revocation.disable_user(tx, of["sub"], CLI),
    "client": lambda tx, of: revocation.end_everything_of_client(tx, "teller", CLI),
    "disabled client": lambda tx, of: revocation.disable_client(tx, "teller", CLI),
    "API": lambda tx, of: revocation.end_tokens_of_api(tx, NOTES, CLI),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_child_is_dead_to_its_last_second(tmp_path: Path, ending: str):
    """S12: of whatever kind, at a server that was restarted, after all was swept that may be."""
    plenty = {"sign_in_rate_per_minute": 1_000_000, "token_failures_per_minute": 1_000_000}
    async with installed(tmp_path, **plenty) as place:
        await furnish_exchange(place)
        async with place.browser() as browser:
            person = Person(place, browser)
            parent = (await person.tokens("teller", scope="openid notes:read"))["access_token"]
        place.clock.turn(1)
        children = {}
        for kind, (client_id, form, policy) in KINDS.items():
            await place.set_policy(MAIL, **policy)
            answer = await exchanged(place, client_id, parent, **form)
            assert answer.status_code == 200, (kind, answer.text)
            children[kind] = str(answer.json()["access_token"])
        assert await standing(place, children) == set(KINDS)
        of = unverified_claims(parent)
        await place.authority.store.transact(lambda tx: ENDINGS[ending](tx, of))
        assert await standing(place, children) == set()
        for at in (of["iat"] + 250, of["exp"] - 1):
            place.clock.now = at
            async with restarted(place, **plenty) as again:
                await again.authority.store.transact(lambda tx: tx.sweep(10_000))
                assert await standing(again, children) == set()


async def standing(place: Installation, children: dict[str, str]) -> set[str]:
    """Which of them count, as a guard and the server judge it."""
    hub, now = place.authority.hub, int(place.clock())
    await hub.catch_up()
    stand = set()
    for kind, text in children.items():
        if kind == "ticket":
            claims = signed_ticket_from(unverified_claims(text))
            assert claims is not None
            ticket = claims.as_ticket("kid")
            assert ticket is not None
            is_alive = hub.revocations.rejects(ticket.marks(claims.aud), now) is None
        else:
            is_alive = not isinstance(await place.authority.reader.read(text, now), str)
        if is_alive:
            stand.add(kind)
    return stand
