"""The client credentials grant: a service acts for itself (OAuth 2.1 §4.2). It writes nothing."""

from counterfoil.oauth.access import Access, asked, scopes_in
from counterfoil.oauth.errors import invalid_scope
from counterfoil.server.protocol.audience import audience_of, catalogue, resource_in
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_token_handle
from counterfoil.server.protocol.issuance import Issuance, TokenRequest
from counterfoil.server.records.store import Transaction


async def exchange(authority: Authority, tx: Transaction, request: TokenRequest) -> Issuance:
    """Decide a token for the client itself; without ``scope`` it gets all that it may have.

    Raises:
        OAuthError: ``invalid_scope`` or ``invalid_target``.
    """
    access = await _access_asked(tx, request)
    resource = resource_in(access, request.parameters.every("resource"))
    return Issuance(
        client=request.client,
        subject=request.client.client_id,
        access=access,
        audience=await audience_of(tx, resource, request.client, authority.settings),
        issued_at=tx.now,
        handle=new_token_handle(tx),
        binding=request.proved,
    )


async def _access_asked(tx: Transaction, request: TokenRequest) -> Access:
    apis = await catalogue(tx, request.client)
    resources = request.parameters.every("resource")
    wanted = scopes_in(request.parameters.get("scope"))
    if not wanted:
        owned = [apis.get(uri, frozenset()) for uri in resources or apis]
        wanted = request.client.scopes & frozenset().union(*owned)
    beyond = wanted - request.client.scopes
    if beyond:
        raise invalid_scope(f"This client may not have the scope {min(beyond)}.")
    access = asked(wanted, resources, apis)
    if access.openid or access.is_empty:
        raise invalid_scope("Ask for at least one scope of an API; no person signs in here.")
    return access
