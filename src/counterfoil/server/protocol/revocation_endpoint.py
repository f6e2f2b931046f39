"""Token revocation: a client gives a token back (RFC 7009). Refresh tokens end their family."""

from functools import partial

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import client_authentication, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import Actor, by_client_with
from counterfoil.server.protocol.refresh_tokens import read_refresh_token
from counterfoil.server.records.client import Client
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction


async def revoke(
    authority: Authority, parameters: Parameters, authorization: str | None, origin: Origin
) -> None:
    """End a token. One that is unknown, foreign or dead already is no error (RFC 7009 §2.2).

    Raises:
        OAuthError: the caller could not be authenticated, or the token is another client's.
        StoreUnavailable: nothing was ended; the client may try again.
    """
    credentials = await client_authentication.credentials_of(authority, parameters, authorization)
    unverified = parameters.require("token")
    # To end something everybody else waits: not for a stranger.
    await authority.store.read(partial(client_authentication.authenticate, credentials=credentials))
    # A token may be signed by a key that another process has just made.
    await authority.hub.catch_up()
    await authority.store.transact(partial(_end, authority, credentials, (unverified, origin)))
    await authority.hub.catch_up()


async def _end(
    authority: Authority,
    credentials: client_authentication.Credentials,
    asked: tuple[str, Origin],
    tx: Transaction,
) -> None:
    unverified, origin = asked
    authenticated = await client_authentication.authenticate(tx, credentials)
    client = authenticated.client
    by = by_client_with(client.client_id, authenticated.proof, origin)
    if is_spelled(Kind.REFRESH_TOKEN, unverified):
        await _end_refresh_token(authority, tx, client, (unverified, by))
    else:
        await _end_access_token(authority, tx, client, (unverified, by))


async def _end_refresh_token(
    authority: Authority, tx: Transaction, client: Client, asked: tuple[str, Actor]
) -> None:
    unverified, by = asked
    shown = read_refresh_token(authority.keys.refresh_mac, unverified)
    family = await tx.families.find(shown.family_id) if shown else None
    if family is not None:
        _demand_owner(client, family.client_id)
        await revocation.end_family(tx, family.id, "revoked_by_client", by)


async def _end_access_token(
    authority: Authority, tx: Transaction, client: Client, asked: tuple[str, Actor]
) -> None:
    unverified, by = asked
    read = await authority.reader.find(unverified, tx)
    if isinstance(read, Reason) or tx.now >= read.token.exp:
        return
    _demand_owner(client, read.token.client_id)
    # A notice for each repetition would let one token fill the feed of every guard.
    if authority.hub.revocations.rejects(read.marks, tx.now) is None:
        await revocation.end_token(tx, read.token.jti, read.token.exp, by)


def _demand_owner(client: Client, owner: str) -> None:
    if client.client_id != owner:
        raise OAuthError("unauthorized_client", "The token was issued to another client.")
