"""A client proves itself by an assertion, and the assertion is used up (RFC 7523 §3).

It is taken, and that is committed, before anything of the request is decided: so it is used up
whatever becomes of the request.
"""

from functools import partial

from counterfoil.oauth.client_assertion import Assertion, WrongAssertion, read_assertion
from counterfoil.oauth.errors import OAuthError, invalid_client
from counterfoil.oauth.opaque import Secret
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.client_keys import keys_in
from counterfoil.server.records.store import Transaction


async def take(authority: Authority, client_id: str, assertion: Secret) -> str:
    """Verify an assertion and use it up; gives the thumbprint of its key.

    Signatures are verified outside of every transaction, and a stranger's never reaches the one
    that writes.

    Raises:
        OAuthError: ``invalid_client``.
        StoreUnavailable: nothing was stored.
    """
    jwks, now = await authority.store.read(partial(_registered, client_id))
    try:
        read = read_assertion(assertion.reveal(), keys_in(jwks), client_id, authority.issuer)
        read.demand_timely(now)
    except WrongAssertion as error:
        raise refused(error) from None
    if not await authority.store.transact(partial(_take, read), beside=True):
        raise invalid_client("The client assertion was used before.", detail=client_id)
    return read.thumbprint


def refused(error: WrongAssertion) -> OAuthError:
    """Say for the wire what is wrong with an assertion: it tells nothing that its maker hides."""
    return invalid_client(str(error))


async def _registered(client_id: str, tx: Transaction) -> tuple[str, int]:
    client = await tx.clients.find(client_id)
    return client.jwks if client else "", tx.now


async def _take(read: Assertion, tx: Transaction) -> bool:
    return await tx.proofs.take(read.id, read.kept_until)
