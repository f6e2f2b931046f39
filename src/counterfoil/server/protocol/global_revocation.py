"""Global token revocation: another system ends everything of a person.

draft-parecki-oauth-global-token-revocation-06. The account stays; the person signs in anew.
"""

from functools import partial

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.subject_identifier import (
    Email,
    IssuerAndSubject,
    Opaque,
    SubjectIdentifier,
    subject_in,
)
from counterfoil.server.protocol import client_authentication, endings
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.client_authentication import AuthenticatedClient
from counterfoil.server.protocol.endings import Ending, Ends, Target
from counterfoil.server.protocol.events import by_client_with
from counterfoil.server.records.client import END_USERS
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


async def end_everything_of_subject(
    authority: Authority, body: bytes, authorization: str | None, origin: Origin
) -> Ending | None:
    """End every session and token of the person whom the body names; ``None``: nobody is meant.

    Whether somebody exists is told only to clients that may end everything of everybody (§6.2).

    Raises:
        OAuthError: ``invalid_client`` (401), ``insufficient_scope`` (403), ``invalid_request``.
        StoreUnavailable: nothing was ended; the client may try again.
    """
    credentials = await client_authentication.credentials_of_header(authority, authorization)
    authenticate = partial(client_authentication.authenticate, credentials=credentials)
    asker = await authority.store.read(authenticate)
    _demand_right(asker)
    subject = subject_in(body)

    async def work(tx: Transaction) -> Ending | None:
        known = await client_authentication.authenticate(tx, credentials)
        user = await _meant(authority, tx, subject)
        if user is None:
            return None
        by = by_client_with(known.client.client_id, known.proof, origin)
        return await endings.carry_out(authority, tx, Target(Ends.USER, user.id), by)

    ending = await authority.store.transact(work)
    await authority.hub.catch_up()
    return ending


def _demand_right(asker: AuthenticatedClient) -> None:
    client_authentication.demand_confidential(asker.client)
    if END_USERS not in asker.client.scopes:
        raise OAuthError(
            "insufficient_scope",
            f"This client was not registered with the scope {END_USERS}.",
            detail=asker.client.client_id,
        )


async def _meant(authority: Authority, tx: Transaction, subject: SubjectIdentifier) -> User | None:
    match subject:
        case Email(email):
            return await tx.users.find_by_email(email)
        case Opaque(user_id):
            return await tx.users.find(user_id)
        case IssuerAndSubject(iss, sub):
            return await tx.users.find(sub) if iss == authority.issuer else None
