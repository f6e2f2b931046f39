"""Tokens that cost a row, at the server: registry, reference tokens, every way of ending."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.access_token import TYPE
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import registration, revocation
from counterfoil.server.protocol.endings import carry_out
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.token_reading import ReadToken
from counterfoil.server.records.policy import ApiPolicy
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction
from tests.installation import NOTES, Installation, Person, installed

pytestmark = pytest.mark.anyio
POLICIES: dict[str, dict[str, Any]] = {
    "registry": {"registry": True},
    "reference": {"token_format": "reference"},
    "both": {"token_format": "reference", "registry": True},
    "status list": {"status_list": True},
}


@pytest.fixture(params=POLICIES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        await place.set_policy(NOTES, **POLICIES[request.param])
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


@pytest.fixture
async def person(place: Installation) -> AsyncIterator[Person]:
    async with place.browser() as browser:
        yield Person(place, browser)


async def asked(place: Installation, token: str) -> dict[str, Any]:
    return dict((await place.post("/introspect", "guard", token=token)).json())


async def reason(place: Installation, token: str) -> Reason | None:
    read = await place.authority.reader.read(token, place.clock())
    return read if isinstance(read, Reason) else None


async def marks_of(place: Installation, token: str) -> Any:
    read = await place.authority.reader.read(token, place.clock())
    assert isinstance(read, ReadToken)
    return read.marks


async def test_a_token_is_looked_up_with_all_that_it_stands_for(
    place: Installation, person: Person
):
    """S64: expired? right scope? S49: one look-up at each use says so."""
    token = (await person.tokens(scope="openid notes:read"))["access_token"]
    answer = await asked(place, token)
    assert answer["active"] is True
    assert (answer["sub"], answer["client_id"]) == (person.user_id, "app")
    assert (answer["aud"], answer["iss"]) == (NOTES, place.issuer)
    assert answer["scope"].split() == ["notes:read", "openid"]
    assert answer["exp"] - answer["iat"] == place.authority.settings.access_token_lifetime
    assert {"jti", "auth_time"} <= answer.keys()
    assert ({"fam", "gen"} <= answer.keys()) == is_spelled(Kind.ACCESS_TOKEN, token)
    place.clock.turn(place.authority.settings.access_token_lifetime)
    assert await asked(place, token) == {"active": False}
    assert await reason(place, token) is Reason.EXPIRED


async def test_userinfo_opens_to_it(place: Installation, person: Person):
    token = (await person.tokens())["access_token"]
    async with place.browser() as browser:
        header = {"authorization": f"Bearer {token}"}
        answer = await browser.get("/userinfo", headers=header)
        assert (answer.status_code, answer.json()["sub"]) == (200, person.user_id)
        await place.post("/revoke", "app", token=token)
        assert (await browser.get("/userinfo", headers=header)).status_code == 401


async def test_it_is_given_back_by_value_by_its_own_client_alone(place: Installation):
    """RFC 7009 §2.1: the siblings stand."""
    token, sibling = await place.service_token(), await place.service_token()
    await place.add_client("other")
    assert (await place.post("/revoke", "other", token=token)).status_code == 400
    assert await reason(place, token) is None
    assert (await place.post("/revoke", "service", token=token)).status_code == 200
    assert await reason(place, token) is Reason.REVOKED
    assert await reason(place, sibling) is None
    position = place.authority.hub.position
    assert (await place.post("/revoke", "service", token=token)).status_code == 200
    assert place.authority.hub.position == position, "one ending is one notice"


Ending = Callable[[Transaction, Any, Person], Awaitable[object]]


async def session_of(tx: Transaction, marks: Any, person: Person) -> object:
    (session,) = await tx.sessions.of_user(person.user_id)
    return await revocation.end_session(tx, session.id, CLI)


async def grant_of(tx: Transaction, marks: Any, person: Person) -> object:
    (grant,) = await tx.grants.of_user(person.user_id)
    return await revocation.end_grant(tx, grant.id, CLI)


async def generation_of_the_api(tx: Transaction, marks: Any, person: Person) -> object:
    from counterfoil.oauth.revocations import Ended, Notice

    generation = await tx.apis.next_generation(marks.audience)
    return await tx.notices.append([Notice(Ended.API, NOTES, tx.now + 10**6, generation)])


ENDINGS: dict[str, Ending] = {
    "jti": lambda tx, marks, _: revocation.end_token(tx, marks.jti, None, CLI),
    "family": lambda tx, marks, _: revocation.end_family(tx, marks.family, "test", CLI),
    "session": session_of,
    "grant": grant_of,
    "user": lambda tx, _, person: revocation.disable_user(tx, person.user_id, CLI),
    "client": lambda tx, marks, _: revocation.disable_client(tx, marks.client_id, CLI),
    "client generation": lambda tx, marks, _: revocation.end_tokens_of_client(
        tx, marks.client_id, "test"
    ),
    "api generation": generation_of_the_api,
}


@pytest.mark.parametrize("way", ENDINGS)
async def test_every_way_of_ending_ends_it(place: Installation, person: Person, way: str):
    """S36: judged at each look-up by the same set as any other token."""
    token = (await person.tokens())["access_token"]
    assert (await asked(place, token))["active"] is True
    marks = await marks_of(place, token)
    await place.authority.store.transact(lambda tx: ENDINGS[way](tx, marks, person))
    assert await reason(place, token) is Reason.REVOKED
    assert await asked(place, token) == {"active": False}


async def test_a_key_alone_cannot_mint(own: Installation):
    """S43, X15: signed by our own key and right in every claim, it still was never issued."""
    token = await own.service_token()
    await own.set_policy(NOTES, registry=True)
    claims = unverified_claims(await own.service_token())
    keyring = own.authority.keyring
    leaked = keyring.signer(Purpose.TOKENS, TYPE, int(own.clock()))
    forged = leaked.sign(claims | {"scope": "notes:write", "sub": "admin"})
    assert await reason(own, forged) is Reason.NOT_REGISTERED
    assert await asked(own, forged) == {"active": False}
    assert await reason(own, token) is Reason.NOT_REGISTERED, "issued before there was a registry"
    await own.set_policy(NOTES)
    assert await reason(own, forged) is None, "without a registry the key is all that counts"


async def test_a_reference_api_takes_no_signature_for_a_record(own: Installation):
    """S85: otherwise a leaked key would mint for it what it never issues."""
    claims = unverified_claims(await own.service_token())
    await own.set_policy(NOTES, token_format="reference")
    leaked = own.authority.keyring.signer(Purpose.TOKENS, TYPE, int(own.clock()))
    assert await reason(own, leaked.sign(claims)) is Reason.NOT_REGISTERED
    assert await reason(own, await own.service_token()) is None


async def test_a_withdrawn_key_takes_back_what_it_signed_and_no_more(own: Installation):
    """S84: a reference token was signed by nobody."""
    await own.set_policy(NOTES, registry=True)
    signed = await own.service_token()
    await own.set_policy(NOTES, token_format="reference")
    opaque = await own.service_token()
    kid = own.authority.keyring.published(Purpose.TOKENS, int(own.clock())).only().kid
    rotation = own.authority.rotation
    await own.authority.store.transact(lambda tx: rotation.withdraw(tx, kid, CLI))
    assert await reason(own, signed) in {Reason.UNKNOWN_KEY, Reason.KEY_RETIRED}
    assert await reason(own, opaque) is None


async def test_rows_leave_when_their_tokens_have_expired(own: Installation):
    """A thousand tokens, and after their time not one row of them."""
    await own.set_policy(NOTES, registry=True)
    tokens = [await own.service_token() for _ in range(1000)]
    store, settings = own.authority.store, own.authority.settings
    assert len(await store.read(lambda tx: tx.issued_tokens.after(NOTES, 0, 2000))) == 1000
    own.clock.turn(settings.access_token_lifetime - 1)
    await store.transact(lambda tx: tx.sweep(2000))
    assert await reason(own, tokens[0]) is None
    own.clock.turn(1 + 60 + settings.status_list_lifetime)
    assert await store.transact(lambda tx: tx.sweep(2000)) >= 1000
    assert await reason(own, tokens[0]) is Reason.NOT_REGISTERED


@pytest.mark.parametrize("policy", ["registry", "reference"])
async def test_what_was_issued_before_ends_when_tokens_begin_to_be_looked_up(
    own: Installation, policy: str
):
    """S43: it is written down nowhere, and guards that know of no registry would still take it."""
    token = await own.service_token()

    async def look_up(tx: Transaction) -> None:
        api = await tx.apis.find(NOTES)
        assert api is not None
        wanted = replace(api, policy=ApiPolicy(**POLICIES[policy]))
        await registration.update_api(tx, wanted, CLI)

    await own.authority.store.transact(look_up)
    await own.authority.hub.catch_up()
    read = own.authority.reader.genuine(token, own.clock())
    assert not isinstance(read, Reason)
    ended = own.authority.hub.revocations.rejects(read.marks, own.clock())
    assert ended is Reason.REVOKED
    assert (await asked(own, await own.service_token()))["active"]


async def test_who_looks_after_the_server_ends_a_forged_token_by_value(own: Installation):
    """S43: a leaked key made it, and guards that know of no registry take it."""
    token = await own.service_token()
    await own.set_policy(NOTES, registry=True)
    target = await own.target_of(token)
    await own.authority.store.transact(lambda tx: carry_out(own.authority, tx, target, CLI))
    await own.authority.hub.catch_up()
    read = own.authority.reader.genuine(token, own.clock())
    assert not isinstance(read, Reason)
    ended = own.authority.hub.revocations.rejects(read.marks, own.clock())
    assert ended is Reason.REVOKED
