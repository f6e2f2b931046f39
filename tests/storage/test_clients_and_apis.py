"""Conformance, on every engine: clients, their secrets, APIs."""

import asyncio

import pytest
from msgspec.structs import replace

from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.encryption_key import EncryptionKey
from counterfoil.server.records.exchange_right import ExchangeRight
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.policy import ApiPolicy, ClientPolicy
from counterfoil.server.records.refresh_limits import NotedLimits, RefreshLimits
from counterfoil.server.records.store import Store
from tests.storage.samples import NOTES, NOW, api, client, client_secret

pytestmark = pytest.mark.anyio


async def test_a_client_comes_back_as_it_was_added(store: Store) -> None:
    public = client(
        client_id="cli", public=True, redirect_uris=(), generation=7, created_at=NOW + 1
    )
    await store.transact(lambda tx: tx.clients.add(client()))
    await store.transact(lambda tx: tx.clients.add(public))
    rights = (ExchangeRight(NOTES, "https://mail.example", "mail:send"),)
    keyed = client(client_id="keyed", jwks='{"keys":[]}', exchange_rights=rights)
    await store.transact(lambda tx: tx.clients.add(keyed))
    assert await store.read(lambda tx: tx.clients.find("keyed")) == keyed
    assert await store.read(lambda tx: tx.clients.find("cli")) == public
    assert await store.read(lambda tx: tx.clients.find("nobody")) is None
    assert await store.read(lambda tx: tx.clients.every()) == [keyed, client(), public]


async def test_a_client_id_is_given_once(store: Store) -> None:
    await store.transact(lambda tx: tx.clients.add(client()))
    with pytest.raises(Conflict):
        await store.transact(lambda tx: tx.clients.add(client(client_name="Other")))
    assert await store.read(lambda tx: tx.clients.every()) == [client()]


async def test_a_client_is_changed_and_keeps_its_generation_and_its_kind(store: Store) -> None:
    await store.transact(lambda tx: tx.clients.add(client(generation=3)))
    policy = ClientPolicy(access_token_lifetime=60, refresh_rotation=False)
    scopes, jwks = frozenset({"notes:read"}), '{"keys":[]}'
    wanted = client(client_name="New", scopes=scopes, policy=policy, jwks=jwks)
    assert await store.transact(lambda tx: tx.clients.update(wanted))
    assert not await store.transact(lambda tx: tx.clients.update(client(client_id="nobody")))
    found = await store.read(lambda tx: tx.clients.find("notes-web"))
    assert found == replace(wanted, generation=3)


async def test_an_api_is_changed_and_keeps_its_generation(store: Store) -> None:
    await store.transact(lambda tx: tx.apis.add(api(generation=2)))
    policy = ApiPolicy(token_format="reference", registry=True)
    wanted = api(name="New", scopes={"notes:list": "List"}, token_lifetime=60, policy=policy)
    assert await store.transact(lambda tx: tx.apis.update(wanted))
    assert not await store.transact(lambda tx: tx.apis.update(api(uri="https://none.example")))
    assert await store.read(lambda tx: tx.apis.find(NOTES)) == replace(wanted, generation=2)


async def test_the_encryption_keys_of_an_api_come_back(store: Store) -> None:
    """S68: whatever else is changed about it."""
    keys = (
        EncryptionKey(kid="a", alg="ECDH-ES", created_at=NOW, public_jwk='{"kty":"EC"}'),
        EncryptionKey(kid="b", alg="dir", created_at=NOW, sealed=b"\0\xff", active_from=NOW + 1),
    )
    await store.transact(lambda tx: tx.apis.add(api(encryption_keys=keys[:1])))
    assert (await store.read(lambda tx: tx.apis.every()))[0].encryption_keys == keys[:1]
    await store.transact(lambda tx: tx.apis.set_encryption_keys(NOTES, keys))
    await store.transact(lambda tx: tx.apis.update(api(name="New")))
    found = await store.read(lambda tx: tx.apis.find(NOTES))
    assert found == api(name="New", encryption_keys=keys)


async def test_secrets_come_oldest_first_and_never_expire_later_than_before(store: Store) -> None:
    await store.transact(lambda tx: tx.clients.add(client()))
    newer = client_secret(id="a-newer", created_at=NOW + 5, expires_at=NOW + 100)
    for secret in (newer, client_secret()):
        await store.transact(lambda tx, secret=secret: tx.clients.add_secret(secret))
    await store.transact(lambda tx: tx.clients.expire_secret("a-newer", NOW + 500))
    await store.transact(lambda tx: tx.clients.expire_secret("secret-1", NOW + 50))
    found = await store.read(lambda tx: tx.clients.secrets_of("notes-web"))
    assert found == [client_secret(expires_at=NOW + 50), newer]
    assert await store.read(lambda tx: tx.clients.secrets_of("nobody")) == []


async def test_a_secrets_last_use_never_runs_backwards(store: Store) -> None:
    await store.transact(lambda tx: tx.clients.add(client()))
    await store.transact(lambda tx: tx.clients.add_secret(client_secret()))
    await store.transact(lambda tx: tx.clients.touch_secrets({"secret-1": NOW + 9}))
    await store.transact(lambda tx: tx.clients.touch_secrets({"secret-1": NOW + 5, "never": NOW}))
    found = await store.read(lambda tx: tx.clients.secrets_of("notes-web"))
    assert found == [client_secret(last_used_at=NOW + 9)]


async def test_a_client_is_disabled_once(store: Store) -> None:
    await store.transact(lambda tx: tx.clients.add(client()))
    assert await store.transact(lambda tx: tx.clients.disable("notes-web", NOW + 1))
    assert not await store.transact(lambda tx: tx.clients.disable("notes-web", NOW + 2))
    assert await store.read(lambda tx: tx.clients.find("notes-web")) == client(disabled_at=NOW + 1)
    assert await store.transact(lambda tx: tx.clients.enable("notes-web"))
    assert not await store.transact(lambda tx: tx.clients.enable("notes-web"))
    assert not await store.transact(lambda tx: tx.clients.enable("nobody"))
    assert await store.read(lambda tx: tx.clients.find("notes-web")) == client()


async def test_an_api_comes_back_as_it_was_added_and_its_identifier_is_given_once(
    store: Store,
) -> None:
    other = api(uri="urn:example:other", created_at=NOW + 1, token_lifetime=60)
    await store.transact(lambda tx: tx.apis.add(api()))
    await store.transact(lambda tx: tx.apis.add(other))
    with pytest.raises(Conflict):
        await store.transact(lambda tx: tx.apis.add(api(name="Other")))
    assert await store.read(lambda tx: tx.apis.find("urn:example:other")) == other
    assert await store.read(lambda tx: tx.apis.find("urn:example:none")) is None
    assert await store.read(lambda tx: tx.apis.every()) == [api(), other]


async def test_a_generation_is_never_drawn_twice(store: Store) -> None:
    await store.transact(lambda tx: tx.clients.add(client()))
    await store.transact(lambda tx: tx.apis.add(api()))
    of_client = [
        store.transact(lambda tx: tx.clients.next_generation("notes-web")) for _ in range(20)
    ]
    of_api = [store.transact(lambda tx: tx.apis.next_generation(api().uri)) for _ in range(20)]
    assert sorted(await asyncio.gather(*of_client)) == list(range(2, 22))
    assert sorted(await asyncio.gather(*of_api)) == list(range(2, 22))
    found = await store.read(lambda tx: tx.clients.find("notes-web"))
    assert found is not None
    assert found.generation == 21


async def test_there_is_no_next_generation_of_what_is_not_there(store: Store) -> None:
    with pytest.raises(LookupError):
        await store.transact(lambda tx: tx.clients.next_generation("nobody"))
    with pytest.raises(LookupError):
        await store.transact(lambda tx: tx.apis.next_generation("urn:example:none"))


async def test_the_default_lifetime_is_one_row_that_may_change(store: Store) -> None:
    """S26: what the server last started with, up or down."""
    assert await store.read(lambda tx: tx.default_lifetimes.find()) is None
    for default in (DefaultLifetime(600), DefaultLifetime(60, 1), DefaultLifetime(900, 1)):
        await store.transact(lambda tx, default=default: tx.default_lifetimes.keep(default))
        assert await store.read(lambda tx: tx.default_lifetimes.find()) == default


async def test_the_note_of_the_limits_of_refreshing_is_one_row_that_may_change(
    store: Store,
) -> None:
    """S26: with how far refresh tokens were clipped to it."""
    assert await store.read(lambda tx: tx.limit_notes.find()) is None
    short, long = RefreshLimits(60, 600, 70, 700), RefreshLimits(90, 900, 90, 900, 86400)
    for noted in (
        NotedLimits(short, long),
        NotedLimits(short, long, "f"),
        NotedLimits(long, long, None),
    ):
        await store.transact(lambda tx, noted=noted: tx.limit_notes.keep(noted))
        assert await store.read(lambda tx: tx.limit_notes.find()) == noted
