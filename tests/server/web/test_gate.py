"""The gate of the admin API: the real guard, in the process of the issuer."""

from functools import partial
from pathlib import Path

import pytest

from counterfoil.guard import Rejected
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import registration, revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.own_api import READ, WRITE
from counterfoil.server.records.session import Origin
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.web.gate import Presented
from tests.administration import administrator, person_token
from tests.installation import Installation, Person, installed, restarted

pytestmark = pytest.mark.anyio


async def why(place: Installation, token: str, scope: str = READ) -> Reason | None:
    """Ask the gate itself: why not, or None."""
    try:
        await place.server.gate.admit(Presented((f"Bearer {token}",)), scope)
    except Rejected as rejected:
        return rejected.reason
    return None


async def test_a_service_is_let_in_for_what_its_token_carries(place: Installation) -> None:
    token = (await administrator(place, READ)).token
    admitted = await place.server.gate.admit(Presented((f"Bearer {token}",)), READ)
    assert admitted.user is None
    assert admitted.acting_from(Origin("::1")).name == f"client:{admitted.token.client_id}"
    assert await why(place, token, WRITE) is Reason.INSUFFICIENT_SCOPE


async def test_a_token_opens_no_more_than_it_carries(place: Installation) -> None:
    """Though its client may have more: it asked for less."""
    await place.add_client("modest", scopes=frozenset({READ, WRITE}))
    token = await place.service_token("modest", scope=READ)
    assert await why(place, token) is None
    assert await why(place, token, WRITE) is Reason.INSUFFICIENT_SCOPE


async def test_it_is_the_guard_that_decides(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a second text of the same checks: the very order of the guard's own."""
    token = (await administrator(place)).token

    def judge(*_: object) -> None:
        raise Rejected(Reason.WRONG_BINDING)

    monkeypatch.setattr("counterfoil.guard.guard.judge", judge)
    assert await why(place, token) is Reason.WRONG_BINDING


async def test_a_person_is_let_in_only_while_they_are_an_administrator(
    place: Installation,
) -> None:
    boss = await place.add_user("gate@example.com", is_admin=True)
    async with place.browser() as browser:
        token = await person_token(place, Person(place, browser, boss.email, boss.id))
    admitted = await place.server.gate.admit(Presented((f"Bearer {token}",)), READ)
    assert admitted.user is not None
    assert admitted.acting_from(Origin()).name == f"user:{boss.id}"
    disable = partial(revocation.disable_user, user_id=boss.id, by=CLI)
    await place.authority.store.transact(disable)
    assert await why(place, token) is Reason.REVOKED


async def test_consent_of_somebody_else_opens_nothing(place: Installation, person: Person) -> None:
    token = await person_token(place, person)
    assert await why(place, token) is Reason.NOT_PERMITTED


async def test_a_scope_that_was_taken_from_the_client_opens_nothing_more(
    place: Installation,
) -> None:
    """The token still says it; the registration, asked anew, does not."""
    token = (await administrator(place)).token
    client_id = place.authority.reader.genuine(token, place.clock()).token.client_id

    async def narrow(tx):
        from msgspec.structs import replace

        found = await tx.clients.find(client_id)
        wanted = replace(found, scopes=frozenset({READ}))
        await registration.update_client(tx, wanted, CLI, development=True)

    await place.authority.store.transact(narrow)
    assert await why(place, token, WRITE) is Reason.INSUFFICIENT_SCOPE
    assert await why(place, token) is None


async def test_an_ending_by_another_process_is_known_at_the_next_request(tmp_path: Path) -> None:
    """Two servers on one database: what one ends, the other refuses, and so with keys."""
    async with installed(tmp_path) as one, restarted(one) as other:
        caller = await administrator(one)
        assert await why(other, caller.token) is None
        await caller.post("/api/endings", {"token": caller.token})
        assert await why(other, caller.token) is Reason.REVOKED
        another = await administrator(one)
        assert await why(other, another.token) is None
        kid = one.authority.keyring.signer(Purpose.TOKENS, "at+jwt", int(one.clock())).kid
        await another.post("/api/endings", {"kind": "key", "name": kid})
        assert await why(other, another.token) is Reason.KEY_RETIRED
        assert await why(one, another.token) is Reason.KEY_RETIRED


async def test_a_token_expires(tmp_path: Path) -> None:
    async with installed(tmp_path) as place:
        caller = await administrator(place)
        place.clock.turn(place.authority.settings.access_token_lifetime)
        assert await why(place, caller.token) is Reason.EXPIRED
