"""Ending a token by its value or by its ``jti``, whoever holds it (S45, S48)."""

import time
from collections.abc import Awaitable, Callable

import click

from counterfoil.cli.endings import EndingDocument, tell_ending
from counterfoil.cli.output import Failure
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.oauth.reasons import Reason, meaning_of
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.refresh_tokens import read_refresh_token
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.protocol.token_kinds import other_secret
from counterfoil.server.records.store import Transaction


class EndedToken(EndingDocument, frozen=True, kw_only=True):
    """What was ended: an access token by its ``jti``, or the family of a refresh token."""

    kind: str
    jti: str | None = None
    family_id: str | None = None

    def tell(self) -> None:
        """Tell a person."""
        if self.notice is None:
            click.echo("The access token has expired already: nothing is left to end.")
        elif self.jti is not None:
            tell_ending(f"The access token {self.jti} has ended.", self)
        else:
            tell_ending(f"The family {self.family_id} of the refresh token has ended.", self)


def end_by_jti(jti: str) -> Callable[[Transaction], Awaitable[EndedToken]]:
    """Give the work that ends an access token without its being held (S48)."""

    async def work(tx: Transaction) -> EndedToken:
        return _of_access_token(jti, await revocation.end_token(tx, jti, None, CLI))

    return work


async def end_by_value(authority: Authority, unverified: str) -> EndedToken:
    """End a token that we issued.

    Raises:
        Failure: it is none of ours.
    """
    if is_spelled(Kind.REFRESH_TOKEN, unverified):
        return await _end_refresh_token(authority, unverified)
    kind = other_secret(unverified)
    if kind is not None:
        raise Failure(f"this is {kind}, not a token")
    now = time.time()
    read = authority.reader.genuine(unverified, now)
    if isinstance(read, Reason):
        raise Failure(f"this is no access token of ours: {meaning_of(read).sentence} ({read})")
    jti, exp = read.token.jti, read.token.exp
    if now >= exp:
        return _of_access_token(jti, None)

    async def work(tx: Transaction) -> EndedToken:
        return _of_access_token(jti, await revocation.end_token(tx, jti, exp, CLI))

    return await authority.store.transact(work)


async def _end_refresh_token(authority: Authority, unverified: str) -> EndedToken:
    shown = read_refresh_token(authority.keys.refresh_mac, unverified)
    if shown is None:
        raise Failure("this is no refresh token of ours")
    family_id = shown.family_id

    async def work(tx: Transaction) -> EndedToken:
        if await tx.families.find(family_id) is None:
            raise Failure("the refresh token's family has been forgotten: it ended long ago")
        ending = await revocation.end_family(tx, family_id, "revoked", CLI)
        return EndedToken(
            kind="refresh_token",
            family_id=family_id,
            families_ended=ending.families,
            sessions_ended=0,
            notice=str(ending.position),
        )

    return await authority.store.transact(work)


def _of_access_token(jti: str, ending: Ending | None) -> EndedToken:
    return EndedToken(
        kind="access_token",
        jti=jti,
        families_ended=0,
        sessions_ended=0,
        notice=str(ending.position) if ending else None,
    )
