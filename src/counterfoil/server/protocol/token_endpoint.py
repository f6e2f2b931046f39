"""The token endpoint: one pipeline for every grant type (OAuth 2.1 §3.2).

It owns the client's authentication, its permission, writing and minting; a grant type only
decides, and so cannot forget a check.
"""

from functools import partial

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.token_response import TokenResponse
from counterfoil.server.protocol import client_authentication
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.grant_types import GRANT_TYPES, GrantType
from counterfoil.server.protocol.issuance import Issuance, Refusal, TokenRequest
from counterfoil.server.protocol.minting import mint
from counterfoil.server.protocol.recording import issue
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction


async def respond(
    authority: Authority, parameters: Parameters, authorization: str | None, origin: Origin
) -> TokenResponse:
    """Answer a token request.

    Raises:
        OAuthError: what was refused and why (RFC 6749 §5.2).
        StoreUnavailable: nothing was stored; the client may try again.
    """
    grant_type = _grant_type_in(parameters)
    credentials = client_authentication.credentials_in(parameters, authorization)
    work = partial(_decide, authority, grant_type, credentials, (parameters, origin))
    run = authority.store.transact if grant_type.writes else authority.store.read
    decided = await run(work)
    if isinstance(decided, Refusal):
        raise decided.error
    if decided.audience.policy.costs_a_row:
        # Of its own, after what was decided has committed: a crash in between is a lost answer.
        return await authority.store.transact(partial(issue, authority, decided))
    return mint(authority, decided)


def _grant_type_in(parameters: Parameters) -> GrantType:
    name = parameters.require("grant_type")
    grant_type = GRANT_TYPES.get(name)
    if grant_type is None:
        raise OAuthError("unsupported_grant_type", "This grant type is not supported here.")
    return grant_type


async def _decide(
    authority: Authority,
    grant_type: GrantType,
    credentials: client_authentication.Credentials,
    asked: tuple[Parameters, Origin],
    tx: Transaction,
) -> Issuance | Refusal:
    authenticated = await client_authentication.authenticate(tx, credentials)
    client = authenticated.client
    client.demand_grant_type(grant_type.name)
    authority.activity.note_secret(authenticated.secret_id, tx.now)
    return await grant_type.exchange(authority, tx, TokenRequest(client, *asked))
