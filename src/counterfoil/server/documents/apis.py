"""APIs as JSON. A stable interface."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

from counterfoil.oauth.limits import Limit
from counterfoil.server.documents.encryption_keys import EncryptionKeyDocument
from counterfoil.server.documents.encryption_keys import document_of as key_document_of
from counterfoil.server.records.api import Api
from counterfoil.server.records.policy import ApiPolicy

UNDECIDED: Final[Mapping[str, object]] = MappingProxyType(asdict(ApiPolicy()))
"""The policy of an API for which nothing was decided."""


class ApiDocument(Struct, frozen=True, kw_only=True):
    """An API with its scopes and their descriptions. Times in seconds."""

    uri: str
    name: str
    scopes: Mapping[str, str]
    token_lifetime: int | None
    created_at: int
    policy: Mapping[str, bool | int | str | tuple[Limit, ...] | None]
    encryption_keys: tuple[EncryptionKeyDocument, ...]


class ApiList(Struct, frozen=True, kw_only=True):
    """All APIs."""

    apis: tuple[ApiDocument, ...]


def document_of(api: Api) -> ApiDocument:
    """Give the document of an API."""
    return ApiDocument(
        uri=api.uri,
        name=api.name,
        scopes=api.scopes,
        token_lifetime=api.token_lifetime,
        created_at=api.created_at,
        policy=asdict(api.policy),
        encryption_keys=tuple(map(key_document_of, api.encryption_keys)),
    )
