"""Writing down who, what, when, from where (S111)."""

import pytest

from counterfoil.server.protocol import events
from counterfoil.server.protocol.events import Actor
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from tests.installation import Installation, Person, hidden_fields

pytestmark = pytest.mark.anyio


async def test_an_event_says_who_what_when_and_from_where(place: Installation):
    """S111: the audit line of every change."""
    by = Actor("user:u", Origin("192.0.2.1", "Firefox"), "session:s")

    async def work(tx: Transaction) -> None:
        await events.record(tx, EventKind.SESSION_ENDED, by, "s", {"why": "asked"})

    await place.authority.store.transact(work)
    (event,) = await place.authority.store.read(lambda tx: tx.events.latest(1))
    assert (event.kind, event.actor, event.subject) == (EventKind.SESSION_ENDED, "user:u", "s")
    assert (event.address, event.user_agent) == ("192.0.2.1", "Firefox")
    assert event.proof == "session:s"
    assert event.at == int(place.clock())
    assert event.detail == {"why": "asked"}


async def test_what_is_rolled_back_leaves_no_event(place: Installation):
    """The event stands in the transaction of the change that it tells of."""
    before = await place.authority.store.read(lambda tx: tx.events.latest(1))

    async def work(tx: Transaction) -> None:
        await events.record(tx, EventKind.SESSION_ENDED, events.CLI, "x")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await place.authority.store.transact(work)
    assert await place.authority.store.read(lambda tx: tx.events.latest(1)) == before


async def test_people_act_by_their_id():
    assert events.by_user("u1", Origin("a")) == Actor("user:u1", Origin("a"))


async def test_how_the_actor_was_known_is_written_down(place: Installation, person: Person):
    """S111: with what proof."""
    tokens = await person.tokens()
    spa = await person.tokens("spa")
    for client_id, family in (("app", tokens), ("spa", spa)):
        asked = {"token": family["access_token"], "client_id": client_id}
        asked |= {"client_secret": place.secrets[client_id]} if client_id == "app" else {}
        answer = await person.browser.post("/revoke", data=asked)
        assert answer.status_code == 200
    form = hidden_fields((await person.browser.get("/account/apps")).text)
    await person.browser.post("/account/sign-out", data=form)
    query = EventQuery(person=person.user_id)
    found = await place.authority.store.read(lambda tx: tx.events.find(query))
    proofs: dict[str, set[str]] = {}
    for each in found:
        kind = each.proof.partition(":")[0]
        proofs.setdefault(each.kind.value, set()).add(kind)
    assert proofs == {
        "user_added": {"cli"},
        "signed_in": {"password"},
        "consent_given": {"session"},
        "family_started": {"secret", "none"},
        "token_ended": {"secret", "none"},
        "session_ended": {"session"},
        "family_ended": {"session"},
    }
    secrets = await place.authority.store.read(lambda tx: tx.clients.secrets_of("app"))
    named = {each.proof for each in found if each.proof.startswith("secret:")}
    assert named == {f"secret:{secrets[0].id}"}
