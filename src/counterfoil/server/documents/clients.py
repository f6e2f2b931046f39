"""Clients as JSON, under the names of RFC 7591 §2 and §3.2.1. A stable interface."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from counterfoil.oauth.feed import Position
from counterfoil.oauth.limits import Limit
from counterfoil.oauth.opaque import Secret
from counterfoil.server.documents.receipts import GuardsDocument
from counterfoil.server.records.client import Client, ClientSecret
from counterfoil.server.records.exchange_right import ExchangeRight
from counterfoil.server.records.policy import ClientPolicy

UNDECIDED: Final[Mapping[str, object]] = MappingProxyType(asdict(ClientPolicy()))
"""The policy of a client for which nothing was decided."""


class JwkSet(Struct, frozen=True):
    """Public keys (RFC 7517 §5)."""

    keys: tuple[Mapping[str, str], ...]


class ClientDocument(Struct, frozen=True, kw_only=True):
    """A client. Times in seconds since the epoch."""

    client_id: str
    client_name: str
    client_id_issued_at: int
    grant_types: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    scope: str
    token_endpoint_auth_method: str
    disabled_at: int | None
    policy: Mapping[str, bool | int | str | tuple[Limit, ...] | None]
    jwks: JwkSet | None
    exchange_rights: tuple[ExchangeRight, ...]
    backchannel_logout_uri: str
    backchannel_logout_session_required: bool

    @property
    def is_public(self) -> bool:
        """Whether it has no secret."""
        return self.token_endpoint_auth_method == "none"


class KeyedClientDocument(ClientDocument, frozen=True, kw_only=True):
    """A client with its new keys.

    ``notice`` and ``guards`` are those of the receipt of an ending.
    """

    notice: str
    guards: GuardsDocument | None = None


class NewClientDocument(ClientDocument, frozen=True, kw_only=True):
    """A client with its newest secret, null where it has none; 0: it does not expire."""

    client_secret: Secret | None
    client_secret_expires_at: int


class RotatedSecretDocument(NewClientDocument, frozen=True, kw_only=True):
    """A client with its new secret.

    ``notice`` and ``guards`` are those of the receipt of an ending.
    """

    notice: str
    guards: GuardsDocument | None = None


class SecretDocument(Struct, frozen=True, kw_only=True):
    """What is known of a secret."""

    id: str
    created_at: int
    expires_at: int | None
    last_used_at: int | None


class ShownClientDocument(ClientDocument, frozen=True, kw_only=True):
    """A client with what is known of its secrets, oldest first."""

    secrets: tuple[SecretDocument, ...]


class ClientList(Struct, frozen=True, kw_only=True):
    """All clients."""

    clients: tuple[ClientDocument, ...]


def document_of(client: Client) -> ClientDocument:
    """Give the document of a client."""
    return ClientDocument(
        client_id=client.client_id,
        client_name=client.client_name,
        client_id_issued_at=client.created_at,
        grant_types=client.grant_types,
        redirect_uris=client.redirect_uris,
        post_logout_redirect_uris=client.post_logout_redirect_uris,
        scope=" ".join(sorted(client.scopes)),
        token_endpoint_auth_method=client.token_endpoint_auth_method,
        disabled_at=client.disabled_at,
        policy=asdict(client.policy),
        jwks=msgspec.json.decode(client.jwks, type=JwkSet) if client.jwks else None,
        exchange_rights=client.exchange_rights,
        backchannel_logout_uri=client.backchannel_logout_uri,
        backchannel_logout_session_required=client.backchannel_logout_session_required,
    )


def new_document(client: Client, secret: Secret | None) -> NewClientDocument:
    """Give the document that hands a new secret over."""
    return NewClientDocument(
        **asdict(document_of(client)), client_secret=secret, client_secret_expires_at=0
    )


def rotated_document(
    new: NewClientDocument, position: Position, guards: GuardsDocument | None = None
) -> RotatedSecretDocument:
    """Give the document that hands over a secret in place of another."""
    return RotatedSecretDocument(**asdict(new), notice=str(position), guards=guards)


def keyed_document(
    client: Client, position: Position, guards: GuardsDocument | None = None
) -> KeyedClientDocument:
    """Give the document of a client that has other keys now."""
    document = asdict(document_of(client))
    return KeyedClientDocument(**document, notice=str(position), guards=guards)


def shown_document(client: Client, secrets: list[ClientSecret]) -> ShownClientDocument:
    """Give the document of a client with what is known of its secrets."""
    known = tuple(
        SecretDocument(
            id=secret.id,
            created_at=secret.created_at,
            expires_at=secret.expires_at,
            last_used_at=secret.last_used_at,
        )
        for secret in secrets
    )
    return ShownClientDocument(**asdict(document_of(client)), secrets=known)
