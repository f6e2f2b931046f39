"""Keys that the tokens of an API are encrypted to; the API is named by ``?uri=`` (S68)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from counterfoil.server.documents.apis import ApiDocument, document_of
from counterfoil.server.documents.encryption_keys import NewEncryptionKeyDocument, new_document
from counterfoil.server.documents.endings import EndingDocument
from counterfoil.server.documents.endings import document_of as receipt_of
from counterfoil.server.endpoints.api.apis import NamedApi, Uri, find_api
from counterfoil.server.endpoints.api.operation import Asked, Call, Nothing
from counterfoil.server.endpoints.api.powers import demand_powers
from counterfoil.server.endpoints.api.responding import NotFound
from counterfoil.server.endpoints.api.waiting import Waiting, guards_at
from counterfoil.server.protocol import encryption_keys
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.api import Api
from counterfoil.server.records.encryption_key import key_named
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.gate import Admitted

Turn = Callable[[Transaction, Api, str, Actor], Awaitable[object]]
Jwk = Annotated[
    Mapping[str, Any],
    Meta(
        description="A public JWK for ECDH-ES on P-256 or X25519 (RFC 7517 §4).",
        extra_json_schema={"type": "object"},
    ),
]


class NewEncryptionKey(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key to add. Without a ``jwk`` the server draws a secret that it shares with the guards."""

    jwk: Jwk | None = None


class NamedApiWaiting(Waiting, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which API, and for how many seconds to wait for the guards."""

    uri: Uri


async def add_encryption_key(
    call: Call[NamedApi, NewEncryptionKey],
) -> NewEncryptionKeyDocument:
    """``POST /api/apis/keys``: a shared secret is in this answer, and in no other."""
    jwk, sealing = call.body.jwk, call.server.authority.rotation.sealing
    public = None if jwk is None else encryption_keys.public_key_in(msgspec.json.encode(jwk))
    await asyncio.to_thread(sealing.refresh)

    async def work(tx: Transaction) -> NewEncryptionKeyDocument:
        api = await _find(tx, call.query.uri, call.admitted)
        if public is not None:
            key = await encryption_keys.add_public_key(tx, api, public, call.by)
            return new_document(key, None)
        made = await encryption_keys.add_shared_secret(tx, api, sealing, call.by)
        return new_document(*made)

    return await call.server.authority.store.transact(work)


async def activate_encryption_key(call: Call[NamedApi, Nothing]) -> ApiDocument:
    """``POST /api/apis/keys/{encryption_kid}/activate``: every guard of the API has it."""
    return await _turned(call, encryption_keys.activate)


async def retire_encryption_key(call: Call[NamedApi, Nothing]) -> ApiDocument:
    """``POST /api/apis/keys/{encryption_kid}/retire``: with none to follow it."""
    return await _turned(call, encryption_keys.retire)


async def _turned(call: Call[NamedApi, Nothing], turn: Turn) -> ApiDocument:
    kid = call.names["encryption_kid"]

    async def work(tx: Transaction) -> ApiDocument:
        api = await _find_with_key(tx, call.query.uri, kid, call.admitted)
        await turn(tx, api, kid, call.by)
        return document_of(await find_api(tx, api.uri))

    return await call.server.authority.store.transact(work)


async def withdraw_encryption_key(call: Call[NamedApiWaiting, Nothing]) -> EndingDocument:
    """``POST /api/apis/keys/{encryption_kid}/withdraw``: it has leaked, and all its tokens end."""

    async def work(tx: Transaction) -> Ending:
        api = await _find_with_key(tx, call.query.uri, call.names["encryption_kid"], call.admitted)
        return await encryption_keys.withdraw(tx, api, call.names["encryption_kid"], call.by)

    ending = await call.server.authority.store.transact(work)
    return receipt_of(ending, await guards_at(call, ending.position))


async def _find(tx: Transaction, uri: str, admitted: Admitted) -> Api:
    api = await find_api(tx, uri)
    demand_powers(admitted, frozenset(api.scopes))
    return api


async def _find_with_key(tx: Transaction, uri: str, kid: str, admitted: Admitted) -> Api:
    api = await _find(tx, uri, admitted)
    if key_named(api.encryption_keys, kid) is None:
        raise NotFound("The API has no such key.")
    return api
