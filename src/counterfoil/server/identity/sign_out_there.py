"""Whoever signs out here came in by a provider, maybe: what it gave goes back, and they may go on.

Token revocation (RFC 7009) and OpenID Connect RP-Initiated Logout 1.0 §2, as its client (S114).
"""

import asyncio
import logging
from functools import partial
from typing import Final

from msgspec import Struct

from counterfoil.net.http import HttpFailure
from counterfoil.oauth.acr import FEDERATED
from counterfoil.oauth.parameters import appended
from counterfoil.server.identity import upstream_tokens
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.linked_identity import LinkedIdentity
from counterfoil.server.records.provider import Provider, ProviderKind
from counterfoil.server.records.session import Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.upstream.line import Line

_LOG: Final = logging.getLogger(__name__)
PATIENCE: Final = 3.0
"""Seconds: who has signed out does not wait longer to be told so."""


class There(Struct, frozen=True):
    """By what a session was begun: the provider, and whom it knows."""

    provider: Provider
    identity: LinkedIdentity


async def begun_at(tx: Transaction, session: Session) -> There | None:
    """Say by which provider a session was begun, if by one; the others cost no statement."""
    if FEDERATED not in session.amr:
        return None
    came = await tx.identities.session(session.id)
    identity = await tx.identities.find(came.identity_id) if came is not None else None
    if identity is None:
        return None
    provider = await tx.providers.find(identity.provider_id)
    return There(provider, identity) if provider is not None and provider.is_enabled else None


async def give_back(authority: Authority, line: Line, there: There) -> None:
    """Revoke there what was given for somebody who has signed out here, and keep it no more.

    Not where another session of theirs, which was begun by it, goes on.
    """
    if there.identity.sealed_tokens is None or not there.provider.policy.revokes_at_sign_out:
        return
    try:
        if not await authority.store.transact(partial(_forget, there.identity)):
            return
    except StoreUnavailable:
        _LOG.warning("tokens of %s are kept: the store is not available", there.provider.id)
        return
    await upstream_tokens.give_back(authority, line, [there.identity])


async def _forget(identity: LinkedIdentity, tx: Transaction) -> bool:
    for came in await tx.identities.sessions_of(identity.id):
        session = await tx.sessions.find(came.session_id)
        if session is not None and session.ended_at is None:
            return False
    kept = identity.sealed_tokens
    return kept is not None and await tx.identities.forget_tokens_of(identity.id, kept)


async def address(line: Line, provider: Provider) -> str:
    """Say where somebody signs out at a provider; empty: nowhere, or it cannot be asked now."""
    if provider.kind is not ProviderKind.OIDC or not provider.is_enabled:
        return ""
    issuer = line.issuers.named(provider.issuer)
    try:
        async with asyncio.timeout(PATIENCE):
            metadata = await line.run(issuer.metadata())
        if not metadata.end_session_endpoint:
            return ""
        url = metadata.address("end_session_endpoint")
    except (HttpFailure, TimeoutError):
        return ""
    return appended(url, {"client_id": provider.client_id})
