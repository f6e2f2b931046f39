"""What may stand in a client's rights to exchange tokens (RFC 8693)."""

from typing import Final

from counterfoil.oauth.delegation import GRANT_TYPE as TOKEN_EXCHANGE
from counterfoil.oauth.errors import invalid_request, invalid_scope, invalid_target
from counterfoil.server.protocol.own_api import is_own
from counterfoil.server.records.client import Client
from counterfoil.server.records.exchange_right import ExchangeRight
from counterfoil.server.records.store import Transaction

_MOST: Final = 100


async def demand_exchange_rights(tx: Transaction, client: Client) -> None:
    """Demand that each right is between APIs of others, once, and that the client can use it.

    Raises:
        OAuthError: ``invalid_request``, ``invalid_target`` or ``invalid_scope``, saying why not.
    """
    rights = client.exchange_rights
    if not rights:
        return
    if TOKEN_EXCHANGE not in client.grant_types:
        raise invalid_request(f"Rights to exchange go with the grant type {TOKEN_EXCHANGE}.")
    if client.public:
        raise invalid_request("A public client has no rights to exchange: anybody could use them.")
    if len({(right.source, right.target) for right in rights}) < len(rights) or len(rights) > _MOST:
        raise invalid_request(f"A right names two APIs, once, and there are {_MOST} at most.")
    for right in rights:
        await _demand_right(tx, right)


async def _demand_right(tx: Transaction, right: ExchangeRight) -> None:
    for uri in (right.source, right.target):
        api = await tx.apis.find(uri)
        if api is None:
            raise invalid_target("A right to exchange names an API that is not known here.")
        if is_own(api):
            raise invalid_target("No right to exchange is for the server's own API.")
    target = await tx.apis.find(right.target)
    unknown = right.scopes.difference(target.scopes if target else ())
    if unknown or not right.scopes:
        raise invalid_scope("A right to exchange names scopes of the API that tokens are given to.")
