"""Tokens of providers: kept sealed, used through one place, and given back in the end (S78).

Nothing here writes a token anywhere but into the sealed column.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.client.tokens import Tokens
from counterfoil.net.http import HttpFailure
from counterfoil.oauth.opaque import Secret
from counterfoil.server.keys.sealing import NotSealed
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.providers import secret_of
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.linked_identity import LinkedIdentity
from counterfoil.server.records.provider import Provider
from counterfoil.server.records.store import Transaction
from counterfoil.server.upstream import revoking
from counterfoil.server.upstream.arrival import Asked
from counterfoil.server.upstream.line import PATIENCE, Line, line_of

_LOG: Final = logging.getLogger(__name__)


class KeptTokens(Struct, frozen=True, omit_defaults=True):
    """What a provider gave for somebody. ``expires_at`` in seconds, if it said so."""

    access_token: str
    refresh_token: str | None = None
    expires_at: int | None = None
    scope: str = ""

    def __repr__(self) -> str:
        return "KeptTokens(…)"


async def keep_tokens(
    authority: Authority,
    tx: Transaction,
    provider: Provider,
    given: tuple[LinkedIdentity, Tokens | None],
) -> None:
    """Keep what came with a sign-in, where the provider's policy says so.

    A refresh token that is not given anew stays good (RFC 6749 §6).
    """
    identity, tokens = given
    if tokens is None or not provider.policy.keeps_tokens:
        return
    before = opened(authority, identity)
    kept = kept_of(tokens, before.refresh_token if before is not None else None)
    await tx.identities.keep_tokens(
        identity.id, identity.sealed_tokens, sealed(authority, identity, kept)
    )


def kept_of(tokens: Tokens, refresh_token: str | None) -> KeptTokens:
    """Say what is kept of tokens; ``refresh_token``: the one before."""
    return KeptTokens(
        tokens.access_token,
        tokens.refresh_token or refresh_token,
        None if tokens.expires_at is None else int(tokens.expires_at),
        " ".join(sorted(tokens.scopes)),
    )


def sealed(authority: Authority, identity: LinkedIdentity, kept: KeptTokens) -> bytes:
    """Seal tokens to the identity that they are of."""
    return authority.upstream.seal(msgspec.json.encode(kept), _context(identity))


def opened(authority: Authority, identity: LinkedIdentity) -> KeptTokens | None:
    """Open the tokens of an identity; ``None`` where there are none that open."""
    if identity.sealed_tokens is None:
        return None
    try:
        text = authority.upstream.open(identity.sealed_tokens, _context(identity))
        return msgspec.json.decode(text, type=KeptTokens)
    except (NotSealed, msgspec.MsgspecError):
        return None


def _context(identity: LinkedIdentity) -> str:
    return f"tokens of {identity.subject} at {identity.issuer} for {identity.user_id}"


async def give_back(authority: Authority, line: Line, identities: list[LinkedIdentity]) -> None:
    """Revoke at their providers what was kept for identities that are linked no more (RFC 7009).

    Where a provider cannot be reached in time, its tokens end when they expire.
    """
    with suppress(TimeoutError, StoreUnavailable):
        async with asyncio.timeout(PATIENCE):
            for identity in identities:
                await _give_back(authority, line, identity)


async def give_back_by_command(
    authority: Authority, identities: list[LinkedIdentity], clock: Callable[[], float]
) -> None:
    """Do so in a process that has no line to providers."""
    if not any(each.sealed_tokens for each in identities):
        return
    line = line_of(authority.settings, clock)
    try:
        await give_back(authority, line, identities)
    finally:
        await line.aclose()


async def _give_back(authority: Authority, line: Line, identity: LinkedIdentity) -> None:
    kept = opened(authority, identity)
    found = partial(_provider_of, identity)
    provider = await authority.store.read(found) if kept is not None else None
    if kept is None or provider is None:
        return
    asked = asked_of(authority, provider)
    exchange = revoking.revoke(line.issuers.named(provider.issuer), asked, token_of(kept))
    try:
        await line.run(exchange)
    except (HttpFailure, NotSealed) as error:
        _LOG.warning("tokens of %s could not be given back: %s", provider.id, error)


def token_of(kept: KeptTokens) -> Secret:
    """Say which token ends all of them."""
    return Secret(kept.refresh_token or kept.access_token)


async def _provider_of(identity: LinkedIdentity, tx: Transaction) -> Provider | None:
    return await tx.providers.find(identity.provider_id)


def asked_of(authority: Authority, provider: Provider) -> Asked:
    """Speak to a provider as the client that we are there, about no sign-in."""
    return Asked(
        provider=provider,
        secret=secret_of(authority.upstream, provider),
        redirect_uri="",
        nonce="",
        code_verifier="",
    )
