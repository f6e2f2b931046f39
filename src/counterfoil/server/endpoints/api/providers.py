"""Providers at which people sign in, and what they gave for people (S78, S112).

Whoever adds or changes one decides who anybody is: that takes every scope of an administrator.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from counterfoil.guard.token import Rejected
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.reasons import Reason
from counterfoil.server.documents.providers import (
    ProviderDocument,
    ProviderList,
    document_of,
    documents,
)
from counterfoil.server.endpoints.api.operation import Asked, Call, Nothing
from counterfoil.server.endpoints.api.powers import demand_powers
from counterfoil.server.endpoints.api.responding import NotFound
from counterfoil.server.identity.upstream_use import Wanted, use_tokens
from counterfoil.server.protocol import providers
from counterfoil.server.protocol.own_api import ADMINISTRATION
from counterfoil.server.protocol.providers import NewProvider, ProviderChanges
from counterfoil.server.records.provider import Provider
from counterfoil.server.records.store import Transaction

_Text = Annotated[str, Meta(max_length=512)]


class AddedProvider(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A provider to add by a preset. What is left out, the preset says."""

    preset: _Text
    client_id: _Text
    client_secret: _Text
    id: _Text = ""
    name: _Text = ""
    issuer: _Text = ""
    policy: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return "AddedProvider(…)"


class ChangedProvider(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to change; what is left out stays."""

    name: _Text | UnsetType = UNSET
    client_id: _Text | UnsetType = UNSET
    client_secret: _Text | UnsetType = UNSET
    policy: Mapping[str, Any] = {}
    disabled: bool | UnsetType = UNSET

    def __repr__(self) -> str:
        return "ChangedProvider(…)"


class WantedToken(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """By which provider it was given."""

    provider: _Text


class UpstreamTokenDocument(Struct, frozen=True, kw_only=True):
    """An access token of a provider. ``expires_at`` in seconds since the epoch, if known."""

    access_token: Secret
    expires_at: int | None
    scope: str


async def list_providers(call: Call[Nothing, Nothing]) -> ProviderList:
    """``GET /api/providers``."""
    authority = call.server.authority
    return await authority.store.read(lambda tx: documents(tx, authority.issuer))


async def add_provider(call: Call[Nothing, AddedProvider]) -> ProviderDocument:
    """``POST /api/providers``."""
    demand_powers(call.admitted, ADMINISTRATION)
    asked, authority = call.body, call.server.authority
    new = NewProvider(
        preset=asked.preset,
        client_id=asked.client_id,
        client_secret=Secret(asked.client_secret),
        id=asked.id,
        name=asked.name,
        issuer=asked.issuer,
        policy=asked.policy,
        is_typed=True,
    )

    async def work(tx: Transaction) -> ProviderDocument:
        added = await providers.add(tx, authority.upstream, new, call.by)
        return await document_of(tx, authority.issuer, added)

    return await authority.store.transact(work)


async def show_provider(call: Call[Nothing, Nothing]) -> ProviderDocument:
    """``GET /api/providers/{provider_id}``."""
    authority, provider_id = call.server.authority, call.names["provider_id"]

    async def work(tx: Transaction) -> ProviderDocument:
        found = _demand(await tx.providers.find(provider_id))
        return await document_of(tx, authority.issuer, found)

    return await authority.store.read(work)


async def change_provider(call: Call[Nothing, ChangedProvider]) -> ProviderDocument:
    """``PATCH /api/providers/{provider_id}``."""
    demand_powers(call.admitted, ADMINISTRATION)
    asked, authority, provider_id = call.body, call.server.authority, call.names["provider_id"]
    changes = ProviderChanges(
        name=None if asked.name is UNSET else asked.name,
        client_id=None if asked.client_id is UNSET else asked.client_id,
        client_secret=None if asked.client_secret is UNSET else Secret(asked.client_secret),
        policy=asked.policy,
        disabled=None if asked.disabled is UNSET else asked.disabled,
        is_typed=True,
    )

    async def work(tx: Transaction) -> ProviderDocument:
        whose = (changes, call.by)
        found = _demand(await providers.change(tx, authority.upstream, provider_id, whose))
        return await document_of(tx, authority.issuer, found)

    return await authority.store.transact(work)


async def remove_provider(call: Call[Nothing, Nothing]) -> ProviderDocument:
    """``POST /api/providers/{provider_id}/remove``: gives it as it was."""
    demand_powers(call.admitted, ADMINISTRATION)
    authority, provider_id = call.server.authority, call.names["provider_id"]

    async def work(tx: Transaction) -> ProviderDocument:
        found = _demand(await tx.providers.find(provider_id))
        document = await document_of(tx, authority.issuer, found)
        await providers.remove(tx, provider_id, call.by)
        return document

    return await authority.store.transact(work)


async def use_upstream_token(call: Call[Nothing, WantedToken]) -> UpstreamTokenDocument:
    """``POST /api/users/{user_id}/upstream-token``: for services that a policy names."""
    admitted = call.admitted
    if admitted.user is not None:
        raise Rejected(Reason.NOT_PERMITTED, fingerprint=admitted.token.fingerprint)
    wanted = Wanted(
        admitted.token.client_id,
        call.names["user_id"],
        call.body.provider,
        call.by,
        call.server.clock(),
    )
    kept = await use_tokens(call.server.authority, call.server.line, wanted)
    if kept is None:
        raise NotFound("There is no such token for this client.")
    return UpstreamTokenDocument(
        access_token=Secret(kept.access_token), expires_at=kept.expires_at, scope=kept.scope
    )


def _demand(found: Provider | None) -> Provider:
    if found is None:
        raise NotFound("There is no such provider.")
    return found
