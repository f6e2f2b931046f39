"""The admin API's description (OpenAPI 3.1.1): made from the table of operations.

It is made once, as this module is loaded, which the first who asks for it does.
"""

import re
from typing import Any, Final

import msgspec

from counterfoil.oauth.opaque import Secret
from counterfoil.server.endpoints.api.operation import Nothing, Operation, Shape
from counterfoil.server.endpoints.api.responding import ErrorDocument
from counterfoil.server.endpoints.api.table import OPERATIONS
from counterfoil.server.protocol.own_api import SCOPES
from counterfoil.server.records.policy import ApiPolicy, ClientPolicy

_REFERENCE: Final = "#/components/schemas/{name}"
_INFO: Final = {
    "title": "Counterfoil: administration",
    "version": "1",
    "description": "Administers an authorization server. Tokens are for the resource "
    "{issuer}/api; ids and cursors are opaque. Times are seconds since the epoch.",
}
_REFUSALS: Final = {
    "400": "The request cannot be read, or asks for something that cannot be.",
    "401": "There is no token that stands; `error_reason` says why.",
    "403": "The token, or the person behind it, may not do this.",
    "404": "There is no such thing.",
    "409": "Something stands there by that name already.",
    "503": "The server cannot answer at the moment.",
}


def description(issuer: str) -> bytes:
    """Describe the API of an issuer, as JSON."""
    security = {"securitySchemes": {"oauth": _security(issuer)}}
    return msgspec.json.encode(
        {
            "openapi": "3.1.1",
            "info": _INFO,
            "servers": [{"url": issuer}],
            "paths": _PATHS,
            "components": {"schemas": _SCHEMAS, **security},
        }
    )


def _paths() -> msgspec.Raw:
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method.lower()] = _row(each, each.shape)
    return msgspec.Raw(msgspec.json.encode(paths))


def _schemas() -> msgspec.Raw:
    types = {part for each in OPERATIONS for part in (each.shape.body, each.shape.answer)}
    named = (types - {Nothing}) | {ErrorDocument, ClientPolicy, ApiPolicy}
    _, schemas = msgspec.json.schema_components(
        sorted(named, key=lambda each: each.__name__),
        ref_template=_REFERENCE,
        schema_hook=_schema_of,
    )
    return msgspec.Raw(msgspec.json.encode(schemas))


def _schema_of(kind: type) -> dict[str, Any]:
    if kind is Secret:
        return {"type": "string", "description": "Shown this once."}
    raise NotImplementedError(f"{kind.__name__} has no schema")


def _row(operation: Operation, shape: Shape) -> dict[str, Any]:
    body = {} if shape.body is Nothing else {"requestBody": _body(shape.body)}
    refusals = {
        status: {"description": says, **_content(ErrorDocument)}
        for status, says in _REFUSALS.items()
    }
    answer = {"description": operation.says, **_content(shape.answer)}
    return {
        "operationId": operation.name,
        "summary": operation.says,
        "security": [{"oauth": [operation.scope]}],
        "parameters": [*_in_path(operation.path), *_in_query(shape.query)],
        **body,
        "responses": {str(operation.status): answer, **refusals},
    }


def _body(kind: type) -> dict[str, Any]:
    return {"required": True, **_content(kind)}


def _content(kind: type) -> dict[str, Any]:
    reference = {"$ref": _REFERENCE.format(name=kind.__name__)}
    return {"content": {"application/json": {"schema": reference}}}


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _in_query(kind: type) -> list[dict[str, Any]]:
    """Give the parameters of a query: the members of its type."""
    (_, schemas) = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    schema = schemas[kind.__name__]
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": member}
        for name, member in schema.get("properties", {}).items()
    ]


def _security(issuer: str) -> dict[str, Any]:
    token = {"tokenUrl": f"{issuer}/token", "scopes": dict(SCOPES)}
    return {
        "type": "oauth2",
        "flows": {
            "clientCredentials": token,
            "authorizationCode": {"authorizationUrl": f"{issuer}/authorize", **token},
        },
    }


# What is the same for every issuer is written once: whoever asks has no token.
_PATHS: Final = _paths()
_SCHEMAS: Final = _schemas()
