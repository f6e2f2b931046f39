"""Whoever signs out at a provider is signed out of the sessions that they began by it (S114).

OpenID Connect Back-Channel Logout §2.7. They end as any other does: guards refuse, apps are told.
"""

import hashlib
from functools import partial

from counterfoil.client.errors import NotTrusted
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.event import Actor
from counterfoil.server.records.linked_identity import UpstreamSession
from counterfoil.server.records.provider import Provider, ProviderKind
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.upstream.line import Line
from counterfoil.server.upstream.logout_token import EndedThere, ended_at


class NoProvider(Exception):
    """There is no provider of this name that could say so."""


async def take(
    authority: Authority, line: Line, provider_id: str, unverified: str, origin: Origin
) -> int:
    """End what a logout token names; says how many sessions that were.

    Raises:
        NoProvider: there is none by this word that people come in by.
        NotTrusted: the token is wrong, or was used before.
        HttpFailure: the provider's keys cannot be had.
        StoreUnavailable: nothing was stored.
    """
    provider, now = await authority.store.read(partial(_found, provider_id))
    if provider is None or provider.kind is not ProviderKind.OIDC or not provider.is_enabled:
        raise NoProvider
    issuer = line.issuers.named(provider.issuer)
    there = await line.run(ended_at(issuer, provider.client_id, unverified, now))
    by = Actor(f"provider:{provider.id}", origin, f"provider:{provider.id}")
    count = await authority.store.transact(partial(_end, provider, there, by))
    if count is None:
        raise NotTrusted("the logout token: It was used before.")
    await authority.hub.catch_up()
    return count


async def _found(provider_id: str, tx: Transaction) -> tuple[Provider | None, int]:
    return await tx.providers.find(provider_id), tx.now


async def _end(provider: Provider, there: EndedThere, by: Actor, tx: Transaction) -> int | None:
    """End the sessions; ``None`` where the token was used before: to check and to spend is one."""
    if not await tx.proofs.take(_id_of(provider, there), there.ended.until):
        return None
    count = 0
    for came in await _sessions(provider, there, tx):
        ending = await revocation.end_session(tx, came.session_id, by)
        count += ending.sessions
    return count


def _id_of(provider: Provider, there: EndedThere) -> bytes:
    text = "\n".join(("logout token", provider.id, there.issuer, there.ended.jti))
    return hashlib.sha256(text.encode()).digest()


async def _sessions(
    provider: Provider, there: EndedThere, tx: Transaction
) -> list[UpstreamSession]:
    """Give the sessions that are meant: of a person, of a session there, or of both."""
    subject, sid = there.ended.sub, there.ended.sid
    if not subject:
        return await tx.identities.sessions_named(provider.id, there.issuer, sid)
    identity = await tx.identities.find_by_subject(provider.id, there.issuer, subject)
    if identity is None:
        return []
    begun = await tx.identities.sessions_of(identity.id)
    # A session that has no name there may be the one: nobody stays who should have gone.
    return [each for each in begun if not sid or each.sid in {"", sid}]
