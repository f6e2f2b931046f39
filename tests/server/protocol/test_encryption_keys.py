"""The keys of an API through their lives: nothing readable is ever given in between (S68)."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from counterfoil.cli.token_inspection import inspected
from counterfoil.guard.encryption import Encryption, Unsealing
from counterfoil.jose import jwe
from counterfoil.jose.encryption_keys import DecryptionKeys, PrivateEncryptionKey
from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol import encryption_keys, registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.own_api import own_api_uri
from counterfoil.server.records.api import Api
from counterfoil.server.records.encryption_key import MOST_KEYS, EncryptionKey
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.family import SKEW
from tests.encryption import on_api, with_pair, with_secret
from tests.exchanging import exchanged, furnish_exchange
from tests.installation import NOTES, Installation, Person, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Any) -> Any:
    async with installed(tmp_path) as place:
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


async def decide(place: Installation, **policy: Any) -> Api:
    async def work(tx: Any) -> Api:
        from msgspec.structs import replace

        api = await tx.apis.find(NOTES)
        changed = replace(api, policy=replace(api.policy, **policy))
        return await registration.update_api(tx, changed, CLI)

    return await place.authority.store.transact(work)


async def keys_of(place: Installation) -> tuple[EncryptionKey, ...]:
    api = await place.authority.store.read(lambda tx: tx.apis.find(NOTES))
    return api.encryption_keys


def opened(token: str, *keys: Any) -> str:
    assert token.count(".") == 4
    return Unsealing(Encryption(keys=DecryptionKeys(keys))).signed_in(token)


async def refused(place: Installation, step: Callable[..., Any], *more: Any, **uri: str) -> str:
    with pytest.raises(OAuthError) as error:
        await on_api(place, step, *more, **uri)
    return str(error.value)


WAYS = pytest.mark.parametrize("way", [with_pair, partial(with_pair, crv="X25519"), with_secret])


@WAYS
async def test_an_api_gets_tokens_that_only_it_can_read(place: Installation, way: Any):
    """S68: signed, then encrypted, whoever asks."""
    key = await way(place)
    await decide(place, encryption=True)
    token = await place.service_token()
    assert unverified_claims(opened(token, key))["aud"] == NOTES


@WAYS
async def test_the_server_reads_its_own_tokens_again(place: Installation, way: Any):
    """S68: by value it is introspected and ended, though nothing of it was kept."""
    await way(place)
    await decide(place, encryption=True)
    token = await place.service_token()
    said = (await place.post("/introspect", "guard", token=token)).json()
    assert (said["active"], said["sub"]) == (True, "service")
    assert (await place.post("/revoke", "service", token=token)).status_code == 200
    assert (await place.post("/introspect", "guard", token=token)).json() == {"active": False}


@WAYS
async def test_a_registry_knows_it_as_it_was_given(place: Installation, way: Any):
    key = await way(place)
    await decide(place, encryption=True, registry=True)
    token = await place.service_token()
    assert (await place.post("/introspect", "guard", token=token)).json()["registered"] is True
    inner = opened(token, key)
    assert (await place.post("/introspect", "guard", token=inner)).json() == {"active": False}


async def test_it_is_measured_as_it_travels(place: Installation):
    """S66: after encryption."""
    await with_secret(place)
    await decide(place, encryption=True, token_bytes=1)
    asked = {"grant_type": "client_credentials", "scope": "notes:read"}
    answer = (await place.post("/token", "service", **asked)).json()
    assert answer["token_budget"] == {"bytes": len(answer["access_token"]), "most": 1}


async def test_what_the_api_wants_to_know_of_the_person_stands_inside(
    place: Installation, person: Person
):
    """S69: e-mail and name, once nobody else can read them; after a refresh too."""
    key = await with_pair(place)
    await decide(place, encryption=True, claims="email name")
    first = await person.tokens(scope="openid offline_access notes:read")
    asked = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = (await place.post("/token", "app", **asked)).json()
    for tokens in (first, second):
        claims = unverified_claims(opened(tokens["access_token"], key))
        assert (claims["email"], claims["name"]) == (person.email, "Grace")
        assert "email_verified" not in claims
    assert "email" not in unverified_claims(opened(await place.service_token(), key))


async def test_it_is_exchanged_as_any_other(place: Installation, person: Person):
    """S12, S68: what is made of it is encrypted in its turn, and tells nothing of the person."""
    key = await with_pair(place)
    await furnish_exchange(place)
    await decide(place, encryption=True, claims="email")
    parent = (await person.tokens("teller", scope="openid notes:read notes:write"))["access_token"]
    answer = await exchanged(place, "teller", parent, scope="notes:read")
    assert answer.status_code == 200, answer.text
    claims = unverified_claims(opened(answer.json()["access_token"], key))
    assert claims["scope"] == "notes:read"
    assert "email" not in claims


async def test_the_command_line_looks_into_it(place: Installation, person: Person):
    """S109: with what stands inside, where the server has encrypted it itself."""
    await with_pair(place)
    await decide(place, encryption=True, claims="email")
    token = (await person.tokens())["access_token"]
    found = await inspected(place.authority, token)
    assert (found.ours, found.header["alg"], found.claims["email"]) == (
        True,
        "ECDH-ES",
        person.email,
    )
    head, tag = token.rsplit(".", 1)
    other = "B" if tag[0] == "A" else "A"
    changed = await inspected(place.authority, f"{head}.{other}{tag[1:]}")
    assert (changed.ours, changed.reason, changed.claims) == (False, "unreadable", {})


async def test_introspection_tells_a_guard_and_not_the_client(place: Installation, person: Person):
    """S68: else the client would read there what its token hides from it."""
    await with_pair(place)
    await decide(place, encryption=True, claims="email")
    token = (await person.tokens())["access_token"]
    assert (await place.post("/introspect", "guard", token=token)).json()["email"] == person.email
    told = (await place.post("/introspect", "app", token=token)).json()
    assert told["active"] is True
    assert "email" not in told


async def test_introspection_tells_the_guard_of_another_api_nothing(
    place: Installation, person: Person
):
    """S69: the token that it was sent by mistake was not meant for it to read."""
    await place.add_api("https://mail.example", "Mail", {"mail:read": "Read"})
    for name, scope in (("of-mail", "mail:read"), ("of-notes", "notes:read")):
        await place.add_client(name, scopes=frozenset({"introspect", scope}))
    await with_pair(place)
    for policy in ({"encryption": True}, {"encryption": False, "token_format": "reference"}):
        await decide(place, **policy, claims="email name")
        token = (await person.tokens())["access_token"]
        told = (await place.post("/introspect", "of-mail", token=token)).json()
        assert told["active"] is True
        assert not told.keys() & {"email", "email_verified", "name"}
        known = (await place.post("/introspect", "of-notes", token=token)).json()
        assert (known["email"], known["name"]) == (person.email, "Grace")


async def test_introspection_hides_what_an_operator_has_marked(tmp_path: Any):
    """S69: it is in the token, which its client cannot read."""
    async with installed(tmp_path, sensitive_claims=("sub", "registered")) as place:
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        await with_pair(place)
        await decide(place, encryption=True)
        token = await place.service_token()
        assert (await place.post("/introspect", "guard", token=token)).json()["sub"] == "service"
        told = (await place.post("/introspect", "service", token=token)).json()
        assert told["active"] is True
        assert "sub" not in told


async def test_readable_tokens_with_sensitive_claims_cannot_be_asked_for(place: Installation):
    """S69: with a sentence that says what to do."""
    with pytest.raises(OAuthError, match=r"let the API's tokens be encrypted"):
        await decide(place, claims="email")
    assert (await decide(place, claims="email", token_format="reference")).policy.claims == "email"
    await decide(place, claims="", token_format="jwt")
    await with_pair(place)
    await decide(place, claims="name", encryption=True)
    with pytest.raises(OAuthError, match=r"The claim name tells the person's name"):
        await decide(place, encryption=False)


async def test_a_reference_token_tells_guards_of_the_person(place: Installation, person: Person):
    """S69: there is nothing in it to read."""
    await decide(place, claims="email", token_format="reference")
    token = (await person.tokens())["access_token"]
    assert (await place.post("/introspect", "guard", token=token)).json()["email"] == person.email
    assert "email" not in (await place.post("/introspect", "app", token=token)).json()


async def test_what_an_operator_has_marked_is_refused_when_a_token_is_issued(tmp_path: Any):
    """S69: `auth_time` for one, where that is nobody's business."""
    async with installed(tmp_path, sensitive_claims="auth_time") as place:
        person = Person(place, place.browser())
        answer = await person.exchange(await person.code())
        assert answer.status_code == 400
        assert "auth_time" in answer.json()["error_description"]
        await with_pair(place)
        await decide(place, encryption=True)
        assert (await person.tokens())["access_token"].count(".") == 4
        await person.browser.aclose()


async def test_encryption_needs_an_active_key(place: Installation):
    with pytest.raises(OAuthError, match="add one"):
        await decide(place, encryption=True)
    pair = PrivateEncryptionKey.generate()
    await on_api(place, encryption_keys.add_public_key, pair.public)
    with pytest.raises(OAuthError, match="activate it"):
        await decide(place, encryption=True)


async def test_keys_take_turns(place: Installation):
    """S68, S81: what was encrypted to the one before stands until it has expired, then it goes."""
    first = await with_pair(place)
    await decide(place, encryption=True)
    old = await place.service_token()
    second = PrivateEncryptionKey.generate()
    await on_api(place, encryption_keys.add_public_key, second.public)
    assert opened(await place.service_token(), first), "nobody has the next one yet"
    await on_api(place, encryption_keys.activate, second.kid)
    assert opened(await place.service_token(), second)
    assert (await place.post("/introspect", "guard", token=old)).json()["active"] is True
    assert [key.state for key in await keys_of(place)] == ["retired", "active"]
    forget = place.authority.store.transact
    assert await forget(encryption_keys.forget_gone) == 0
    place.clock.turn(place.authority.settings.longest_lifetime + SKEW)
    assert await forget(encryption_keys.forget_gone) == 1
    assert [key.kid for key in await keys_of(place)] == [second.kid]


async def test_a_withdrawn_key_ends_what_was_encrypted_to_it(place: Installation):
    """S84: and no readable token is given in its place."""
    pair = await with_pair(place)
    await decide(place, encryption=True)
    token = await place.service_token()
    ending = await on_api(place, encryption_keys.withdraw, pair.kid)
    assert ending.position.number > 0
    api = await place.authority.store.read(lambda tx: tx.apis.find(NOTES))
    assert api.generation == 2, "guards that have the key still end them"
    assert (await place.post("/introspect", "guard", token=token)).json() == {"active": False}
    asked = {"grant_type": "client_credentials", "scope": "notes:read"}
    answer = await place.post("/token", "service", **asked)
    assert answer.status_code == 400
    assert "no active key" in answer.json()["error_description"]
    again = await with_secret(place)
    assert opened(await place.service_token(), again)


async def test_one_that_was_never_active_goes_without_a_trace(place: Installation):
    pair = PrivateEncryptionKey.generate()
    await on_api(place, encryption_keys.add_public_key, pair.public)
    before = await place.service_token()
    await on_api(place, encryption_keys.withdraw, pair.kid)
    assert (await place.post("/introspect", "guard", token=before)).json()["active"] is True


async def test_the_active_key_retires_only_where_none_is_needed(place: Installation):
    pair = await with_pair(place)
    await decide(place, encryption=True)
    assert "activate another" in await refused(place, encryption_keys.retire, pair.kid)
    await decide(place, encryption=False)
    assert (await on_api(place, encryption_keys.retire, pair.kid)).state == "retired"
    assert "not the active one" in await refused(place, encryption_keys.retire, pair.kid)


async def test_each_api_has_keys_of_its_own(place: Installation):
    """Else one API could open what was meant for the other."""
    pair = await with_pair(place)
    add = encryption_keys.add_public_key
    await place.add_api("https://mail.example", "Mail", {"mail:read": "Read"})
    renamed = PrivateEncryptionKey.from_jwk(pair.as_jwk() | {"kid": "another"})
    for public in (pair.public, renamed.public):
        assert "has this key" in await refused(place, add, public, uri="https://mail.example")
        assert "has this key" in await refused(place, add, public)


async def test_what_cannot_be_is_refused(place: Installation):
    add, pair = encryption_keys.add_public_key, PrivateEncryptionKey.generate()
    for step in (encryption_keys.activate, encryption_keys.retire, encryption_keys.withdraw):
        assert "no such key" in await refused(place, step, "unknown")
    own = own_api_uri(place.issuer)
    assert "server's own" in await refused(place, add, pair.public, uri=own)
    for _ in range(MOST_KEYS):
        await on_api(place, add, PrivateEncryptionKey.generate().public)
    assert "at most" in await refused(place, add, pair.public)
    for bad in (b"", b"{}", json.dumps(pair.as_jwk()).encode(), b'{"kty":"RSA"}', b"x" * 5000):
        with pytest.raises(OAuthError, match="JWK"):
            encryption_keys.public_key_in(bad)


async def test_a_shared_secret_is_given_once_and_kept_sealed(place: Installation):
    secret = await with_secret(place)
    (kept,) = await keys_of(place)
    assert secret.secret not in kept.sealed
    assert kept.public_jwk == ""
    assert kept.alg == jwe.DIRECT


async def test_every_change_is_written_down(place: Installation):
    """S111."""
    pair = await with_pair(place)
    await on_api(place, encryption_keys.withdraw, pair.kid)
    query = EventQuery(kind=EventKind.API_KEYS_CHANGED, subject=NOTES)
    events = await place.authority.store.read(lambda tx: tx.events.find(query))
    assert {each.detail["change"] for each in events} == {"added", "activated", "withdrawn"}
    assert {each.detail["kid"] for each in events} == {pair.kid}
