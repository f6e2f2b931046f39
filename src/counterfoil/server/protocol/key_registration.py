"""Giving a client other public keys, and what ends with those before (RFC 7591 §2, RFC 7523)."""

from msgspec.structs import replace

from counterfoil.oauth.errors import invalid_request
from counterfoil.server.protocol import client_keys, events, revocation
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.client import Client
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction


def cause_of(client: Client, jwks: str) -> Cause:
    """Say what it is to give a client these keys, spelled as they are kept.

    As long as one of the keys before stays it is routine. Where none does, as where secrets go, a
    leak is feared.
    """
    stay = client_keys.thumbprints_in(client.jwks) & client_keys.thumbprints_in(jwks)
    return Cause.KEYS_CHANGED if stay else Cause.KEYS_REPLACED


async def set_keys(tx: Transaction, client: Client, jwks: str, by: Actor) -> Ending:
    """Put keys, spelled as they are kept, in the place of those before, or of its secrets.

    Whatever it proved itself by before is refused from now on.

    Raises:
        OAuthError: ``invalid_request``: a public client proves nothing.
    """
    if client.public:
        raise invalid_request("A public client has no keys: anybody could read them in it.")
    cause = cause_of(client, jwks)
    before, after = (client_keys.thumbprints_in(each) for each in (client.jwks, jwks))
    await _retire_secrets(tx, client, by)
    await tx.clients.update(replace(client, jwks=jwks))
    if before != after:
        detail = {"added": " ".join(sorted(after - before))}
        detail |= {"removed": " ".join(sorted(before - after))}
        changed = {name: value for name, value in detail.items() if value}
        await events.record(tx, EventKind.CLIENT_KEYS_CHANGED, by, client.client_id, changed)
    return await revocation.follow(tx, cause, client.client_id, by)


async def _retire_secrets(tx: Transaction, client: Client, by: Actor) -> None:
    for secret in await tx.clients.secrets_of(client.client_id):
        if secret.is_live(tx.now):
            await tx.clients.expire_secret(secret.id, tx.now)
            detail = {"id": secret.id}
            kind = EventKind.CLIENT_SECRET_RETIRED
            await events.record(tx, kind, by, client.client_id, detail)
