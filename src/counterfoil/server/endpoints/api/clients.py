"""Clients: listed, shown, registered and changed under the names of RFC 7591."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict, replace

from counterfoil.oauth.client_assertion import METHOD
from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.feed import Position
from counterfoil.oauth.limits import Limit
from counterfoil.server.documents.clients import (
    ClientDocument,
    KeyedClientDocument,
    NewClientDocument,
    RotatedSecretDocument,
    ShownClientDocument,
    document_of,
    keyed_document,
    new_document,
    rotated_document,
    shown_document,
)
from counterfoil.server.documents.endings import EndingDocument
from counterfoil.server.documents.endings import document_of as receipt_of
from counterfoil.server.endpoints.api.operation import Asked, Call, Nothing
from counterfoil.server.endpoints.api.paging import Paging
from counterfoil.server.endpoints.api.powers import demand_powers, powers_of
from counterfoil.server.endpoints.api.responding import NotFound
from counterfoil.server.endpoints.api.waiting import Waiting, guards_at
from counterfoil.server.protocol import client_keys, key_registration, registration, revocation
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.policies import with_changes
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.client import Client
from counterfoil.server.records.exchange_right import ExchangeRight
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.store import Transaction

_DAY: Final = 24 * 60 * 60
Uris = Annotated[tuple[Annotated[str, Meta(max_length=2048)], ...], Meta(max_length=100)]
LogoutUri = Annotated[
    str,
    Meta(max_length=2048, description="Where it is told that a session has ended; or nothing."),
]
GrantTypes = Annotated[tuple[Annotated[str, Meta(max_length=128)], ...], Meta(max_length=16)]
Scope = Annotated[str, Meta(max_length=8192, description="Names, with spaces between them.")]
Name = Annotated[str, Meta(max_length=200)]
Policy = Annotated[
    Mapping[str, bool | int | str | tuple[Limit, ...] | None],
    Meta(
        max_length=32,
        description="What is decided for it alone; null takes a decision back.",
        extra_json_schema={"$ref": "#/components/schemas/ClientPolicy"},
    ),
]


ExchangeRights = Annotated[
    tuple[ExchangeRight, ...],
    Meta(max_length=100, description="Whose tokens it may exchange for which (RFC 8693)."),
]
AuthMethod = Literal["none", "client_secret_basic", "private_key_jwt"]
Jwks = Annotated[
    Mapping[str, msgspec.Raw],
    Meta(
        max_length=8,
        description="A JWK Set of public keys (RFC 7517 §5). An RSA key must name its alg.",
        extra_json_schema={"type": "object"},
    ),
]


class ClientPage(Struct, frozen=True, kw_only=True):
    """A part of the clients, newest first; ``next`` is the cursor of the part after."""

    clients: tuple[ClientDocument, ...]
    next: str | None


class NewClient(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A client to register. Without ``grant_types`` they follow from its redirect URIs."""

    client_name: Name
    client_id: Annotated[str, Meta(max_length=128)] | None = None
    grant_types: GrantTypes = ()
    redirect_uris: Uris = ()
    post_logout_redirect_uris: Uris = ()
    scope: Scope = ""
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"
    jwks: Jwks | None = None
    policy: Policy = msgspec.field(default_factory=dict)
    exchange_rights: ExchangeRights = ()
    backchannel_logout_uri: LogoutUri = ""
    backchannel_logout_session_required: bool = False


class ChangedClient(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to change; what is left out stays. A list takes the place of the one before."""

    client_name: Name | UnsetType = UNSET
    grant_types: GrantTypes | UnsetType = UNSET
    redirect_uris: Uris | UnsetType = UNSET
    post_logout_redirect_uris: Uris | UnsetType = UNSET
    scope: Scope | UnsetType = UNSET
    policy: Policy | UnsetType = UNSET
    exchange_rights: ExchangeRights | UnsetType = UNSET
    backchannel_logout_uri: LogoutUri | UnsetType = UNSET
    backchannel_logout_session_required: bool | UnsetType = UNSET


class KeyChange(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys that are to stand. If none of those before is among them, every token ends."""

    jwks: Jwks


class SecretRotation(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many seconds the secret before stays good. 0 ends it, and every token of the client."""

    overlap: Annotated[int, Meta(ge=0, le=365 * _DAY)] = _DAY


async def list_clients(call: Call[Paging, Nothing]) -> ClientPage:
    """``GET /api/clients``."""
    part = call.query.part

    async def work(tx: Transaction) -> list[Client]:
        return [await _find(tx, each) for each in await tx.lists.clients(part)]

    found = await call.server.authority.store.read(work)
    shown, after = call.query.cut(found, lambda each: (each.created_at, each.client_id))
    return ClientPage(clients=tuple(map(document_of, shown)), next=after)


async def show_client(call: Call[Nothing, Nothing]) -> ShownClientDocument:
    """``GET /api/clients/{client_id}``."""

    async def work(tx: Transaction) -> ShownClientDocument:
        found = await _find(tx, call.names["client_id"])
        return shown_document(found, await tx.clients.secrets_of(found.client_id))

    return await call.server.authority.store.read(work)


async def add_client(call: Call[Nothing, NewClient]) -> NewClientDocument:
    """``POST /api/clients``: the secret is in this answer, and in no other."""
    asked, development = call.body, call.server.authority.settings.development

    async def work(tx: Transaction) -> NewClientDocument:
        new = Client(
            client_id=asked.client_id if asked.client_id is not None else new_handle(tx),
            client_name=asked.client_name,
            created_at=tx.now,
            grant_types=asked.grant_types or _usual(asked),
            scopes=frozenset(asked.scope.split()),
            redirect_uris=asked.redirect_uris,
            post_logout_redirect_uris=asked.post_logout_redirect_uris,
            public=asked.token_endpoint_auth_method == "none",
            jwks=_keys_in(asked),
            policy=with_changes(ClientPolicy(), asked.policy, is_typed=True),
            exchange_rights=asked.exchange_rights,
            backchannel_logout_uri=asked.backchannel_logout_uri,
            backchannel_logout_session_required=asked.backchannel_logout_session_required,
        )
        demand_powers(call.admitted, powers_of(new))
        secret = await registration.add_client(tx, new, call.by, development=development)
        return new_document(new, secret)

    return await call.server.authority.store.transact(work)


def _keys_in(asked: NewClient) -> str:
    if (asked.jwks is not None) != (asked.token_endpoint_auth_method == METHOD):
        raise invalid_request(f"jwks goes with the token_endpoint_auth_method {METHOD}.")
    return "" if asked.jwks is None else _spelled(asked.jwks)


def _spelled(jwks: Jwks) -> str:
    return client_keys.spelled(msgspec.json.encode(jwks))


def _usual(asked: NewClient) -> tuple[str, ...]:
    if asked.redirect_uris:
        return ("authorization_code", "refresh_token")
    return ("client_credentials",)


async def change_client(call: Call[Nothing, ChangedClient]) -> ClientDocument:
    """``PATCH /api/clients/{client_id}``."""
    development = call.server.authority.settings.development

    async def work(tx: Transaction) -> ClientDocument:
        found = await _find(tx, call.names["client_id"])
        wanted = _changed(found, call.body)
        demand_powers(call.admitted, powers_of(found, wanted))
        changed = await registration.update_client(tx, wanted, call.by, development=development)
        return document_of(changed or found)

    return await call.server.authority.store.transact(work)


def _changed(found: Client, asked: ChangedClient) -> Client:
    given = {name: value for name, value in asdict(asked).items() if value is not UNSET}
    scope, policy = given.pop("scope", None), given.pop("policy", {})
    if scope is not None:
        given["scopes"] = frozenset(scope.split())
    return replace(found, **given, policy=with_changes(found.policy, policy, is_typed=True))


async def rotate_secret(call: Call[Waiting, SecretRotation]) -> RotatedSecretDocument:
    """``POST /api/clients/{client_id}/rotate-secret``."""

    async def work(tx: Transaction) -> tuple[NewClientDocument, Position]:
        found = await _find(tx, call.names["client_id"])
        demand_powers(call.admitted, powers_of(found))
        if not found.has_secret:
            raise invalid_request("This client has no secret: it is public, or has keys.")
        overlap = call.body.overlap
        secret = await registration.rotate_secret(tx, found.client_id, overlap, call.by)
        return new_document(found, secret), (await tx.notices.head())[0]

    document, position = await call.server.authority.store.transact(work)
    return rotated_document(document, position, await guards_at(call, position))


async def set_keys(call: Call[Waiting, KeyChange]) -> KeyedClientDocument:
    """``POST /api/clients/{client_id}/set-keys``."""
    jwks = _spelled(call.body.jwks)

    async def work(tx: Transaction) -> tuple[Client, Position]:
        found = await _find(tx, call.names["client_id"])
        demand_powers(call.admitted, powers_of(found))
        ending = await key_registration.set_keys(tx, found, jwks, call.by)
        return await _find(tx, found.client_id), ending.position

    client, position = await call.server.authority.store.transact(work)
    return keyed_document(client, position, await guards_at(call, position))


async def disable_client(call: Call[Waiting, Nothing]) -> EndingDocument:
    """``POST /api/clients/{client_id}/disable``: every token that it has ends."""

    async def work(tx: Transaction) -> Ending:
        found = await _find(tx, call.names["client_id"])
        return await revocation.disable_client(tx, found.client_id, call.by)

    ending = await call.server.authority.store.transact(work)
    return receipt_of(ending, await guards_at(call, ending.position))


async def enable_client(call: Call[Nothing, Nothing]) -> ClientDocument:
    """``POST /api/clients/{client_id}/enable``: nothing that has ended comes back."""

    async def work(tx: Transaction) -> ClientDocument:
        found = await _find(tx, call.names["client_id"])
        demand_powers(call.admitted, powers_of(found))
        await registration.enable_client(tx, found.client_id, call.by)
        return document_of(await _find(tx, found.client_id))

    return await call.server.authority.store.transact(work)


async def _find(tx: Transaction, client_id: str) -> Client:
    found = await tx.clients.find(client_id)
    if found is None:
        raise NotFound("There is no such client.")
    return found
