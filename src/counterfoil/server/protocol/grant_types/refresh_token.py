"""The refresh token grant: rotation, and what to make of a token seen before (OAuth 2.1 §4.3)."""

from msgspec.structs import replace

from counterfoil.oauth.access import scopes_in
from counterfoil.oauth.errors import invalid_grant, invalid_scope
from counterfoil.server.protocol import events, families, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.issuance import Issuance, Refusal, SignedIn, TokenRequest
from counterfoil.server.protocol.refresh_tokens import Presentation, read_refresh_token
from counterfoil.server.protocol.standing import what_stands
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import Family, Presented, judge
from counterfoil.server.records.store import Transaction

_NOT_VALID = "The refresh token is not valid, or no longer."


async def exchange(
    authority: Authority, tx: Transaction, request: TokenRequest
) -> Issuance | Refusal:
    """Exchange a refresh token for new tokens. Reuse ends the family, and is returned.

    Raises:
        OAuthError: nothing happened; the refresh token stays as good as it was.
    """
    shown, family = await _family_shown(authority, tx, request)
    window = authority.settings.refresh_window
    match judge(family, shown.generation, shown.digest, window, tx.now):
        case Presented.FRESH:
            return await _rotate(authority, tx, request, family)
        case Presented.REPEATED:
            return await _refuse_repeated(tx, request, family)
        case Presented.REUSED:
            return await _refuse_reused(tx, request, family)
        case Presented.EXPIRED:
            raise invalid_grant(_NOT_VALID)


async def _family_shown(
    authority: Authority, tx: Transaction, request: TokenRequest
) -> tuple[Presentation, Family]:
    """Find the family; only its owner's reuse may end it, so the owner is asked for first."""
    unverified = request.parameters.require("refresh_token")
    shown = read_refresh_token(authority.keys.refresh_mac, unverified)
    family = await tx.families.find(shown.family_id) if shown else None
    if shown is None or family is None or family.client_id != request.client.client_id:
        raise invalid_grant(_NOT_VALID)
    if not family.binding.is_met_by(request.proved):
        raise invalid_grant("The refresh token is bound to a key that was not proved.")
    return shown, family


async def _rotate(
    authority: Authority, tx: Transaction, request: TokenRequest, family: Family
) -> Issuance | Refusal:
    standing = await what_stands(authority, tx, family)
    wanted = scopes_in(request.parameters.get("scope")) or standing.access.scopes
    if not wanted <= standing.access.scopes:
        raise invalid_scope("A refresh may narrow the scope, never widen it.")
    access = standing.access.limited_to_scopes(wanted)
    share = await families.share_of(authority, tx, access, request)
    rotated, refresh_token = families.renewed(authority, tx, family, share)
    rotated = replace(rotated, origin=request.origin)
    if not await tx.families.rotate(rotated, family.refresh_generation):
        return await _refuse_repeated(tx, request, family)
    signed_in = SignedIn(standing.user, family.auth_time, family.session_id)
    issuance = families.issuance_under(tx, rotated, request, share, signed_in)
    return replace(issuance, refresh_token=refresh_token)


async def _refuse_repeated(tx: Transaction, request: TokenRequest, family: Family) -> Refusal:
    by = events.by_client(request)
    await events.record(tx, EventKind.REFRESH_REPEATED, by, family.id)
    return Refusal(invalid_grant("The refresh token was replaced moments ago; use its successor."))


async def _refuse_reused(tx: Transaction, request: TokenRequest, family: Family) -> Refusal:
    by = events.by_client(request)
    await events.record(tx, EventKind.REFRESH_REUSED, by, family.id)
    await revocation.end_family(tx, family.id, "refresh_reused", by)
    return Refusal(
        invalid_grant("The refresh token was used before; all tokens of its family are ended.")
    )
