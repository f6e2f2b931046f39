"""Using what a provider gave for somebody: an access token of theirs, fresh, for one client (S78).

It is handed to the clients that the provider's policy names, and to nobody else.
"""

from functools import partial
from typing import Final

from msgspec import Struct

from counterfoil.net.http import BadAnswer, HttpFailure
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity.upstream_tokens import (
    KeptTokens,
    asked_of,
    kept_of,
    opened,
    sealed,
)
from counterfoil.server.keys.sealing import NotSealed
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import Actor
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.linked_identity import LinkedIdentity
from counterfoil.server.records.provider import Provider
from counterfoil.server.records.store import Transaction
from counterfoil.server.upstream import revoking
from counterfoil.server.upstream.line import Line

AHEAD: Final = 60
"""Seconds before its end from which an access token is replaced."""


class Wanted(Struct, frozen=True):
    """Who wants a token, of whom, given by which provider, at what time in seconds."""

    client_id: str
    user_id: str
    provider_id: str
    by: Actor
    at: float


class _Found(Struct, frozen=True):
    provider: Provider
    identity: LinkedIdentity
    kept: KeptTokens


async def use_tokens(authority: Authority, line: Line, wanted: Wanted) -> KeptTokens | None:
    """Give tokens whose access token is fresh; ``None``: none are to be had by this client.

    One process refreshes them once however many ask; what another has put there meanwhile stands.

    Raises:
        OAuthError: ``temporarily_unavailable``: the provider cannot be reached.
        StoreUnavailable: nothing was changed.
    """
    async with line.alone(f"{wanted.provider_id} {wanted.user_id}"):
        found = await _find(authority, wanted)
        if found is None:
            return None
        is_fresh = found.kept.expires_at is None or wanted.at < found.kept.expires_at - AHEAD
        kept = found.kept if is_fresh else await _refreshed(authority, line, found, wanted)
        if kept is not None:
            await authority.store.transact(partial(_tell, wanted))
        return kept


async def _find(authority: Authority, wanted: Wanted) -> _Found | None:
    async def work(tx: Transaction) -> _Found | None:
        provider = await tx.providers.find(wanted.provider_id)
        user = await tx.users.find(wanted.user_id)
        if provider is None or user is None or not (provider.is_enabled and user.is_enabled):
            return None
        if wanted.client_id not in provider.policy.replayed_by.split():
            return None
        for identity in await tx.identities.of_user(user.id):
            kept = opened(authority, identity) if identity.provider_id == provider.id else None
            if kept is not None:
                return _Found(provider, identity, kept)
        return None

    return await authority.store.read(work)


async def _refreshed(
    authority: Authority, line: Line, found: _Found, wanted: Wanted
) -> KeptTokens | None:
    token = found.kept.refresh_token
    if token is None:
        return None
    issuer = line.issuers.named(found.provider.issuer)
    try:
        asked = asked_of(authority, found.provider)
        tokens = await line.run(revoking.refresh(issuer, asked, Secret(token), wanted.at))
    except (HttpFailure, NotSealed) as error:
        if isinstance(error, BadAnswer) and error.status in {400, 401}:
            return None
        raise _away() from None
    kept = kept_of(tokens, token)
    identity = found.identity
    before, after = identity.sealed_tokens, sealed(authority, identity, kept)
    stands = await authority.store.transact(
        lambda tx: tx.identities.keep_tokens(identity.id, before, after)
    )
    if stands:
        return kept
    anew = await _find(authority, wanted)
    return anew.kept if anew is not None else None


def _away() -> OAuthError:
    return OAuthError("temporarily_unavailable", "The provider cannot be reached at present.")


async def _tell(wanted: Wanted, tx: Transaction) -> None:
    detail = {"provider": wanted.provider_id, "client_id": wanted.client_id}
    await events.record(tx, EventKind.UPSTREAM_TOKEN_USED, wanted.by, wanted.user_id, detail)
