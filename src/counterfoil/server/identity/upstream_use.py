"""Using what a provider gave for somebody: an access token of theirs, fresh, for one client (S78).

It is handed to the clients that the provider's policy names, and to nobody else.
"""

import asyncio
import hmac
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.client.tokens import Tokens
from counterfoil.net.http import BadAnswer, HttpFailure
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity.upstream_tokens import (
    KeptTokens,
    asked_of,
    give_back,
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
from counterfoil.server.upstream.line import PATIENCE, Line

AHEAD: Final = 60
"""Seconds before its end from which an access token is replaced."""
CLAIM_SECONDS: Final = 30
"""Longer than a refresh takes at most (``PATIENCE``): nobody else uses the token meanwhile."""
PAUSE: Final = 0.05
"""Seconds between two looks for what another server gets."""
LOOKS: Final = int(PATIENCE / PAUSE)


class Wanted(Struct, frozen=True):
    """Who wants a token, of whom, given by which provider, at what time in seconds."""

    client_id: str
    user_id: str
    provider_id: str
    by: Actor
    at: float


class _Found(Struct, frozen=True):
    """What is kept for somebody; ``before`` is how it stands in the store."""

    provider: Provider
    identity: LinkedIdentity
    kept: KeptTokens

    @property
    def before(self) -> bytes:
        return self.identity.sealed_tokens or b""

    def is_fresh(self, at: float) -> bool:
        return self.kept.expires_at is None or at < self.kept.expires_at - AHEAD


async def use_tokens(authority: Authority, line: Line, wanted: Wanted) -> KeptTokens | None:
    """Give tokens whose access token is fresh; ``None``: none are to be had by this client.

    One server refreshes them once however many ask; what it puts there, the others take.

    Raises:
        OAuthError: ``temporarily_unavailable``: the provider cannot be reached.
        StoreUnavailable: nothing was changed.
    """
    async with line.alone(f"{wanted.provider_id} {wanted.user_id}"):
        found, is_ours = await _awaited(authority, wanted)
        if found is None:
            return None
        kept = await _refreshed(authority, line, found, wanted) if is_ours else found.kept
        if kept is not None:
            await authority.store.transact(partial(_tell, wanted))
        return kept


async def _awaited(authority: Authority, wanted: Wanted) -> tuple[_Found | None, bool]:
    """Give what is kept, fresh; or stale, and the refresh of it is ours alone (``True``)."""
    for _ in range(LOOKS):
        found = await _find(authority, wanted)
        if found is None or found.is_fresh(wanted.at):
            return found, False
        if found.kept.refresh_token is None:
            return None, False
        if await authority.store.transact(partial(_begin_refresh, found)):
            return found, True
        await asyncio.sleep(PAUSE)
    raise _away()


async def _begin_refresh(found: _Found, tx: Transaction) -> bool:
    until = tx.now + CLAIM_SECONDS
    return await tx.identities.begin_refresh(found.identity.id, found.before, until)


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
    """Refresh what nobody else is refreshing; ``None``: it cannot be any more."""
    spent = found.kept.refresh_token or ""
    tokens = await _asked_for(authority, line, found, wanted.at)
    if tokens is None:
        return None
    kept = kept_of(tokens, spent)
    after = sealed(authority, found.identity, kept)
    if await authority.store.transact(partial(_keep, after, found)):
        return kept
    anew = await _find(authority, wanted)
    if anew is None or anew.identity.id != found.identity.id:
        # They were forgotten meanwhile, and the old ones given back: so are these.
        await give_back(authority, line, [replace(found.identity, sealed_tokens=after)])
        return anew.kept if anew is not None else None
    if hmac.compare_digest((anew.kept.refresh_token or "").encode(), spent.encode()):
        # A sign-in has kept it on, which knew of no other.
        await authority.store.transact(partial(_keep, after, anew))
        return kept
    return anew.kept


async def _asked_for(authority: Authority, line: Line, found: _Found, at: float) -> Tokens | None:
    provider, issuer = found.provider, line.issuers.named(found.provider.issuer)
    token = Secret(found.kept.refresh_token or "")
    try:
        asked = asked_of(authority, provider)
        return await line.run(revoking.refresh(issuer, asked, token, at))
    except (HttpFailure, NotSealed) as error:
        await authority.store.transact(partial(_leave_refresh, found))
        if isinstance(error, BadAnswer) and error.status in {400, 401}:
            return None
        raise _away() from None


async def _keep(after: bytes, found: _Found, tx: Transaction) -> bool:
    return await tx.identities.keep_tokens(found.identity.id, found.before, after)


async def _leave_refresh(found: _Found, tx: Transaction) -> None:
    await tx.identities.leave_refresh(found.identity.id, found.before)


def _away() -> OAuthError:
    return OAuthError("temporarily_unavailable", "The provider cannot be reached at present.")


async def _tell(wanted: Wanted, tx: Transaction) -> None:
    detail = {"provider": wanted.provider_id, "client_id": wanted.client_id}
    await events.record(tx, EventKind.UPSTREAM_TOKEN_USED, wanted.by, wanted.user_id, detail)
