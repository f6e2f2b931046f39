"""The server's own API, by which it is administered: registered and asked for like any (RFC 8707).

Its scopes carry the server's name, so that no other API's scope can be taken for one of them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from counterfoil.server.protocol import events
from counterfoil.server.records.api import Api
from counterfoil.server.records.event import SERVER, EventKind
from counterfoil.server.records.store import Transaction

READ: Final = "counterfoil:read"
WRITE: Final = "counterfoil:write"
END: Final = "counterfoil:end"
UPSTREAM: Final = "counterfoil:upstream"
ADMINISTRATION: Final = frozenset({READ, WRITE, END})
"""What one needs to make somebody an administrator: all that one of them may do."""
SCOPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        READ: "See apps, people, their sessions and what happened on this server",
        WRITE: "Register and change apps, APIs and people on this server",
        END: "End tokens, sessions and permissions of anybody on this server",
        UPSTREAM: "Use what providers gave for people, where a provider's policy names the service",
    }
)
NAME: Final = "Administration of this server"


def own_api_uri(issuer: str) -> str:
    """Give the resource identifier of the server's own API: what ``aud`` names."""
    return f"{issuer}/api"


def is_own(api: Api) -> bool:
    """Whether this is the server's own API, under whatever identifier."""
    return not SCOPES.keys().isdisjoint(api.scopes)


async def register_own_api(tx: Transaction, issuer: str) -> None:
    """Register the server's own API where that was never done."""
    if not any(is_own(api) for api in await tx.apis.every()):
        uri = own_api_uri(issuer)
        await tx.apis.add(Api(uri=uri, name=NAME, created_at=tx.now, scopes=dict(SCOPES)))
        await events.record(tx, EventKind.API_ADDED, SERVER, uri)


async def other_issuer(tx: Transaction, issuer: str) -> str:
    """Give the issuer that was served last, where it is another than ``issuer``; else nothing."""
    own = next((each.uri for each in await tx.apis.every() if is_own(each)), "")
    if own in ("", own_api_uri(issuer)):
        return ""
    return own.removesuffix(own_api_uri(""))


async def settle_own_api(tx: Transaction, issuer: str) -> bool:
    """Bring the server's own API to the issuer that is served, and to the scopes of this version.

    Only the server does this: a command may be run with another issuer in its environment. Clients
    keep what they had there. Tokens of the former issuer are refused for their ``iss``. ``False``
    where another API has been registered by that name: nothing is changed then.
    """
    uri = own_api_uri(issuer)
    own = next(api for api in await tx.apis.every() if is_own(api))
    if own.uri != uri:
        if await tx.apis.find(uri) is not None:
            return False
        await _move(tx, own.uri, uri)
    if dict(own.scopes) != dict(SCOPES):
        await tx.apis.update(replace(own, uri=uri, scopes=dict(SCOPES)))
    return True


async def _move(tx: Transaction, former: str, uri: str) -> None:
    await tx.apis.rename(former, uri)
    for client in await tx.clients.every():
        apis = dict(client.access.apis)
        if former in apis:
            apis[uri] = apis.pop(former)
            await tx.clients.update(replace(client, access=replace(client.access, apis=apis)))
    await events.record(tx, EventKind.API_CHANGED, SERVER, uri, {"formerly": former})
