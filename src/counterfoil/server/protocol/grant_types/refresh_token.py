"""The refresh token grant: rotation, and what to make of a token seen before (OAuth 2.1 §4.3)."""

from msgspec.structs import replace

from counterfoil.oauth.access import scopes_in
from counterfoil.oauth.errors import invalid_grant, invalid_scope
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import events, families, proof_of_possession, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.families import Answer, Share
from counterfoil.server.protocol.issuance import Issuance, Refusal, SignedIn, TokenRequest
from counterfoil.server.protocol.lifetimes import limits_in_force
from counterfoil.server.protocol.noticing import tokens
from counterfoil.server.protocol.noticing.tokens import Elsewhere
from counterfoil.server.protocol.refresh_tokens import Presentation, read_refresh_token
from counterfoil.server.protocol.standing import what_stands
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import Family, Presented, judge
from counterfoil.server.records.store import Transaction

_NOT_VALID = "The refresh token is not valid, or no longer."
_ELSEWHERE = "The refresh token came from where nobody can be by now; its family is ended."
WHY = "refreshed_elsewhere"
"""The word that says why a family ended."""


async def exchange(
    authority: Authority, tx: Transaction, request: TokenRequest
) -> Issuance | Refusal:
    """Exchange a refresh token for new tokens. Reuse ends the family, and is returned.

    Raises:
        OAuthError: nothing happened; the refresh token stays as good as it was.
    """
    while True:
        shown, family = await _family_shown(authority, tx, request)
        decided = await _decide(authority, tx, request, shown, family)
        if decided is not None:
            return decided
        # Someone was faster, so the family is further on each time: this comes to an end.


async def _family_shown(
    authority: Authority, tx: Transaction, request: TokenRequest
) -> tuple[Presentation, Family]:
    """Find the family; only its owner's reuse may end it, so the owner is asked for first."""
    unverified = request.parameters.require("refresh_token")
    shown = read_refresh_token(authority.keys.refresh_mac, unverified)
    if shown is None:
        raise invalid_grant(_NOT_VALID, detail="no refresh token of ours")
    family = await tx.families.find(shown.family_id)
    if family is None:
        raise invalid_grant(_NOT_VALID, detail="its family has been forgotten")
    if family.client_id != request.client.client_id:
        raise invalid_grant(_NOT_VALID, detail="a refresh token of another client")
    family = proof_of_possession.rebound(family, request)
    limits = await limits_in_force(tx, authority.settings)
    return shown, families.limited(family, request.client, limits)


async def _decide(
    authority: Authority,
    tx: Transaction,
    request: TokenRequest,
    shown: Presentation,
    family: Family,
) -> Issuance | Refusal | None:
    window = authority.settings.refresh_window
    match judge(family, shown.generation, shown.digest, window, tx.now):
        case Presented.FRESH:
            return await _renew(authority, tx, request, shown, family)
        case Presented.REPEATED:
            return await _repeat(authority, tx, request, shown, family)
        case Presented.REUSED:
            return await _refuse_reused(tx, request, family)
        case Presented.EXPIRED:
            if family.ended_at is None:  # what it rests on may say why (S109)
                await what_stands(authority, tx, request.client, family)
            detail = family.ended_why if family.ended_at is not None else Reason.EXPIRED.value
            raise invalid_grant(_NOT_VALID, detail=detail)


async def _renew(
    authority: Authority,
    tx: Transaction,
    request: TokenRequest,
    shown: Presentation,
    family: Family,
) -> Issuance | Refusal | None:
    noticed = await tokens.refreshed(authority, tx, request.client, family, request.origin)
    if noticed is not None and noticed.ends:
        return await _refuse_noticed(authority, tx, request, family, noticed)
    share, signed_in = await _asked(authority, tx, request, family)
    renewed, successor = families.renewed(authority, tx, request, family, share)
    sealed = shown.seal_successor(successor, tx.random) if successor else None
    renewed = replace(renewed, origin=request.origin, sealed_successor=sealed)
    if not await tx.families.rotate(renewed, family.refresh_generation):
        return None
    if noticed is not None:
        await tokens.record_refresh(tx, noticed, family, events.by_client(request))
        await tokens.follow(authority, tx, noticed, family)
    return families.issuance_under(tx, renewed, request, share, Answer(signed_in, successor))


async def _repeat(
    authority: Authority,
    tx: Transaction,
    request: TokenRequest,
    shown: Presentation,
    family: Family,
) -> Issuance | Refusal | None:
    """Answer again, for the first answer may be lost: the same successor, its own access token."""
    successor = _successor_of(tx, shown, family)
    if successor is None:
        return await _refuse_reused(tx, request, family)
    share, signed_in = await _asked(authority, tx, request, family)
    ends = tx.now + share.audience.lifetime
    if not await tx.families.prolong(family.id, family.refresh_generation, ends):
        return None
    rotated_from = family.origin.address
    if request.origin.address != rotated_from:
        by = events.by_client(request)
        detail = {"rotated_from": rotated_from, "user_id": family.user_id}
        await events.record(tx, EventKind.REFRESH_REPEATED, by, family.id, detail)
    return families.issuance_under(tx, family, request, share, Answer(signed_in, successor))


def _successor_of(tx: Transaction, shown: Presentation, family: Family) -> Secret | None:
    sealed = family.sealed_successor
    return shown.open_successor(sealed, tx.random) if sealed is not None else None


async def _asked(
    authority: Authority, tx: Transaction, request: TokenRequest, family: Family
) -> tuple[Share, SignedIn]:
    """Give what the new access token is for, after asking anew whether all of it still stands."""
    standing = await what_stands(authority, tx, request.client, family)
    wanted = scopes_in(request.parameters.get("scope"))
    if not wanted <= standing.access.scopes:
        raise invalid_scope("A refresh may narrow the scope, never widen it.")
    if wanted:
        standing = replace(standing, access=standing.access.limited_to_scopes(wanted))
    share = await families.share_of(authority, tx, standing, request)
    if family.session_id is not None:
        authority.activity.note_session(family.session_id, tx.now)
    return share, SignedIn(standing.user, family.auth_time, family.amr, family.session_id)


async def _refuse_noticed(
    authority: Authority, tx: Transaction, request: TokenRequest, family: Family, noticed: Elsewhere
) -> Refusal:
    by = events.by_client(request)
    await tokens.record_refresh(tx, noticed, family, by)
    await tokens.follow(authority, tx, noticed, family)
    await revocation.end_family(tx, family.id, WHY, by)
    return Refusal(invalid_grant(_ELSEWHERE, reason=Reason.REVOKED))


async def _refuse_reused(tx: Transaction, request: TokenRequest, family: Family) -> Refusal:
    by = events.by_client(request)
    await events.record(tx, EventKind.REFRESH_REUSED, by, family.id, {"user_id": family.user_id})
    await revocation.end_family(tx, family.id, "refresh_reused", by)
    sentence = "The refresh token was used before; all tokens of its family are ended."
    return Refusal(invalid_grant(sentence, reason=Reason.USED_UP))
