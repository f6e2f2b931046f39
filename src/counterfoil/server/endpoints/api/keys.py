"""Signing keys: their public sides and turns. They are withdrawn at ``/api/endings``."""

from counterfoil.server.documents.keys import KeyDocument, KeyList, documents
from counterfoil.server.endpoints.api.operation import Call, Nothing
from counterfoil.server.endpoints.api.responding import NotFound


async def list_keys(call: Call[Nothing, Nothing]) -> KeyList:
    """``GET /api/keys``: all of them, for they are few."""
    return KeyList(keys=tuple(await call.server.authority.store.read(documents)))


async def show_key(call: Call[Nothing, Nothing]) -> KeyDocument:
    """``GET /api/keys/{kid}``."""
    for document in await call.server.authority.store.read(documents):
        if document.kid == call.names["kid"]:
            return document
    raise NotFound("There is no such key.")
