"""Providers at which people sign in, as JSON, without our secrets there. A stable interface."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from counterfoil.server.records.provider import Provider
from counterfoil.server.records.store import Transaction


class ProviderDocument(Struct, frozen=True, kw_only=True):
    """A provider. Times in seconds since the epoch.

    ``redirect_uri`` is what has to be registered there; ``people`` counts who is linked by it.
    """

    id: str
    kind: str
    name: str
    issuer: str
    client_id: str
    redirect_uri: str
    policy: Mapping[str, str | bool]
    created_at: int
    disabled_at: int | None
    people: int


class ProviderList(Struct, frozen=True, kw_only=True):
    """All providers, disabled ones too, the oldest first."""

    providers: tuple[ProviderDocument, ...]


def redirect_uri_of(issuer: str, provider_id: str) -> str:
    """Say where people come back to from a provider: to an address of its own (RFC 9700 §4.4)."""
    return f"{issuer}/sign-in/from/{provider_id}"


async def documents(tx: Transaction, issuer: str) -> ProviderList:
    """Read all; ``issuer`` is our own."""
    found = await tx.providers.every()
    return ProviderList(providers=tuple([await document_of(tx, issuer, each) for each in found]))


async def document_of(tx: Transaction, issuer: str, provider: Provider) -> ProviderDocument:
    """Give the document of a provider."""
    policy = provider.policy
    return ProviderDocument(
        id=provider.id,
        kind=provider.kind.value,
        name=provider.name,
        issuer=provider.issuer,
        client_id=provider.client_id,
        redirect_uri=redirect_uri_of(issuer, provider.id),
        policy={
            name: msgspec.to_builtins(getattr(policy, name)) for name in policy.__struct_fields__
        },
        created_at=provider.created_at,
        disabled_at=provider.disabled_at,
        people=await tx.identities.count_of(provider.id),
    )
