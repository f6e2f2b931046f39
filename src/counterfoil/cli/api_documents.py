"""APIs as JSON. A stable interface."""

from collections.abc import Mapping

from msgspec import Struct

from counterfoil.server.records.api import Api


class ApiDocument(Struct, frozen=True, kw_only=True):
    """An API with its scopes and their descriptions. Times in seconds."""

    uri: str
    name: str
    scopes: Mapping[str, str]
    token_lifetime: int | None
    created_at: int


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
    )
