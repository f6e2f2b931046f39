"""Token exchange from the token endpoint to real guards: narrowed, delegated, ended (RFC 8693)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from counterfoil.guard import Guard, Options, Rejected, Tickets
from counterfoil.guard.gate import Gate
from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.delegation import ACCESS_TOKEN, TICKET
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.explain import explain
from counterfoil.server.records.event import EventQuery
from tests.exchanging import FILES, child_of, exchanged, furnish_exchange
from tests.flows.serving import fresh, refusal, refusal_of, served_here
from tests.guard.desk import request
from tests.installation import MAIL, NOTES, Installation, Person

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(on_engine: str, tmp_path_factory: Any) -> AsyncIterator[Installation]:
    async with served_here(tmp_path_factory.mktemp("exchange")) as place:
        await furnish_exchange(place)
        yield place


@pytest.fixture(scope="module")
async def guard(place: Installation) -> AsyncIterator[Guard]:
    """The guard of the API at which others act for whoever called them."""
    with Guard(place.issuer, audience=MAIL, options=_options(place)) as guard:
        await fresh(guard)
        yield guard


@pytest.fixture
async def person(place: Installation) -> AsyncIterator[Person]:
    async with place.browser() as browser:
        yield Person(place, browser)


@pytest.fixture
async def parent(person: Person) -> str:
    tokens = await person.tokens("teller", scope="openid notes:read notes:write")
    return str(tokens["access_token"])


async def test_a_person_gives_an_automation_less_than_they_have(place: Installation, parent: str):
    """S12: fewer scopes, a shorter life, one URL; and it ends with what it came of."""
    answer = (await exchanged(place, "teller", parent, scope="notes:read", lifetime="60")).json()
    assert (answer["scope"], answer["expires_in"]) == ("notes:read", 60)
    assert answer["issued_token_type"].endswith(":access_token")
    claims, whole = unverified_claims(answer["access_token"]), unverified_claims(parent)
    assert (claims["sub"], claims["fam"], claims["client_id"]) == (
        whole["sub"],
        whole["fam"],
        "teller",
    )
    assert "act" not in claims
    with Guard(place.issuer, audience=NOTES, options=_options(place)) as guard:
        await fresh(guard)
        assert guard.check(answer["access_token"]).scopes == {"notes:read"}
        assert (await place.post("/revoke", "teller", token=parent)).status_code == 200
        assert (await refusal_of(guard, answer["access_token"])).reason is Reason.REVOKED


async def test_an_api_acts_for_whoever_called_it(place: Installation, guard: Guard, parent: str):
    """S59: ``client_id`` and ``act`` say which application asked, and for whom, over two APIs."""
    mail = await child_of(place, "notes-api", parent, resource=MAIL)
    files = await child_of(place, "mail-api", mail, audience=FILES)
    claims, whole = unverified_claims(files), unverified_claims(parent)
    assert claims["act"] == {"sub": "mail-api", "act": {"sub": "notes-api"}}
    assert (claims["client_id"], claims["aud"], claims["scope"]) == (
        "mail-api",
        FILES,
        "files:read",
    )
    assert (claims["sub"], claims["fam"]) == (whole["sub"], whole["fam"])
    assert claims["exp"] <= whole["exp"]
    token = guard.check(mail)
    assert (token.subject, token.claims["act"]) == (whole["sub"], {"sub": "notes-api"})


Ending = Callable[[Installation, str], Awaitable[object]]


async def _end_token(place: Installation, parent: str) -> None:
    await place.post("/revoke", "teller", token=parent)


async def _end_family(place: Installation, parent: str) -> None:
    family = str(unverified_claims(parent)["fam"])
    await _transact(place, lambda tx: revocation.end_family(tx, family, "test", CLI))


async def _end_session(place: Installation, parent: str) -> None:
    async def work(tx: Any) -> None:
        family = await tx.families.find(unverified_claims(parent)["fam"])
        await revocation.end_session(tx, family.session_id, CLI)

    await _transact(place, work)


async def _end_grant(place: Installation, parent: str) -> None:
    async def work(tx: Any) -> None:
        family = await tx.families.find(unverified_claims(parent)["fam"])
        await revocation.end_grant(tx, family.grant_id, CLI)

    await _transact(place, work)


async def _end_user(place: Installation, parent: str) -> None:
    user = str(unverified_claims(parent)["sub"])
    await _transact(place, lambda tx: revocation.sign_out_user(tx, user, CLI))


def _of_client(client_id: str) -> Ending:
    async def end_client(place: Installation, _: str) -> None:
        await _transact(place, lambda tx: revocation.end_everything_of_client(tx, client_id, CLI))

    return end_client


def _of_api(uri: str) -> Ending:
    async def end_api(place: Installation, _: str) -> None:
        await _transact(place, lambda tx: revocation.end_tokens_of_api(tx, uri, CLI))

    return end_api


@pytest.mark.parametrize(
    "ending",
    [
        _end_token,
        _end_family,
        _end_session,
        _end_grant,
        _end_user,
        _of_client("teller"),
        _of_client("notes-api"),
        _of_api(NOTES),
        _of_api(MAIL),
    ],
)
async def test_whatever_ends_the_parent_ends_the_child(
    place: Installation, guard: Guard, parent: str, ending: Ending
):
    """S12: at the guard of the other API, by the parent's handles; and it is exchanged no more."""
    child = await child_of(place, "notes-api", parent, resource=MAIL)
    assert refusal(guard, child) is None
    await ending(place, parent)
    assert (await refusal_of(guard, child)).reason is Reason.REVOKED
    asked = await place.post("/introspect", "notes-api", token=child)
    assert asked.json() == {"active": False}


async def test_an_actors_own_token_ends_it_too(place: Installation, guard: Guard, parent: str):
    own = await place.service_token("notes-api")
    child = await child_of(
        place, "notes-api", parent, resource=MAIL, actor_token=own, actor_token_type=ACCESS_TOKEN
    )
    assert refusal(guard, child) is None
    await place.post("/revoke", "notes-api", token=own)
    assert (await refusal_of(guard, child)).reason is Reason.REVOKED


async def test_a_reference_token_is_exchanged_and_given(place: Installation, person: Person):
    """Of APIs whose tokens are written down: the row keeps what the child ends with."""
    await place.set_policy(MAIL, token_format="reference")
    try:
        parent = (await person.tokens("teller", scope="openid notes:read"))["access_token"]
        child = await child_of(place, "notes-api", parent, resource=MAIL)
        further = await child_of(place, "mail-api", child, resource=FILES)
        told = (await place.post("/introspect", "notes-api", token=child)).json()
        assert (told["act"], len(told["parents"])) == ({"sub": "notes-api"}, 1)
        await place.post("/revoke", "teller", token=parent)
        for token, owner in ((child, "notes-api"), (further, "mail-api")):
            answer = await place.post("/introspect", owner, token=token)
            assert answer.json() == {"active": False}
    finally:
        await place.set_policy(MAIL)


async def test_the_server_signs_a_ticket_that_guards_verify(place: Installation, parent: str):
    """S73: no key is shared and nobody is asked; it ends with the token that it came of."""
    options = Options(clock=place.clock, tickets=Tickets(by_issuer=True))
    url = f"{NOTES}/files/7"
    asked = {"requested_token_type": TICKET, "ticket_url": url, "ticket_once": "false"}
    text = await child_of(place, "teller", parent, **asked)
    with Guard(place.issuer, audience=NOTES, options=options) as guard:
        await fresh(guard)
        gate = Gate(guard)
        token = await gate.admit(request(f"/files/7?ticket={text}"))
        assert (token.subject, token.by_ticket) == (unverified_claims(parent)["sub"], True)
        with pytest.raises(Rejected):
            await gate.admit(request(f"/files/8?ticket={text}"))
        await place.post("/revoke", "teller", token=parent)
        await refusal_of(guard, parent)
        with pytest.raises(Rejected) as refused:
            await gate.admit(request(f"/files/7?ticket={text}"))
        assert refused.value.reason is Reason.REVOKED


async def test_who_acted_for_whom_is_written_down(place: Installation, parent: str):
    child = await child_of(place, "notes-api", parent, resource=MAIL)
    jti, whole = unverified_claims(child)["jti"], unverified_claims(parent)
    (event,) = await place.authority.store.read(lambda tx: _events_about(tx, str(jti)))
    assert (event.kind.value, event.actor) == ("token_delegated", "client:notes-api")
    assert event.detail == {
        "client_id": "teller",
        "user_id": whole["sub"],
        "parent": whole["jti"],
        "from": NOTES,
        "to": MAIL,
        "scope": "mail:send",
    }


async def test_its_story_is_told(place: Installation, parent: str):
    """S109: who acts for whom, and that its parent was ended."""
    child = await child_of(place, "notes-api", parent, resource=MAIL)
    stands = await explain(place.authority, child)
    actor = next(step for step in stands.steps if step.check == "actor")
    assert actor.sentence == f"notes-api acts with it for {unverified_claims(parent)['sub']}."
    assert stands.verdict.value == "stands"
    await place.post("/revoke", "teller", token=parent)
    ended = await explain(place.authority, child)
    assert (ended.verdict.value, ended.decided_by) == ("refused", "parent")


def _options(place: Installation) -> Options:
    return Options(clock=place.clock)


async def _events_about(tx: Any, subject: str) -> Any:
    return await tx.events.find(EventQuery(subject=subject))


async def _transact(place: Installation, work: Any) -> None:
    await place.authority.store.transact(work)
