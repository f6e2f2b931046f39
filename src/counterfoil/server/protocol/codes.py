"""What a code leads to, of an app or of a device: a family; shown again, the end of it.

OAuth 2.1 §4.1.3, RFC 9700 §2.1.1, RFC 8628 §3.5.
"""

from msgspec.structs import replace

from counterfoil.oauth.errors import OAuthError, invalid_grant
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import backchannel_logout, events, families, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.families import Answer
from counterfoil.server.protocol.issuance import Issuance, Refusal, SignedIn, TokenRequest
from counterfoil.server.protocol.standing import what_stands
from counterfoil.server.records.authorization import Authorization
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import Family
from counterfoil.server.records.refresh_limits import RefreshLimits
from counterfoil.server.records.store import Transaction


async def start_family(
    authority: Authority, tx: Transaction, request: TokenRequest, authorization: Authorization
) -> Issuance:
    """Begin the family of a code that this transaction has taken, with its first tokens.

    Raises:
        OAuthError: what it rests on has gone, or the API cannot be chosen.
    """
    standing = await what_stands(authority, tx, request.client, authorization)
    authorization = replace(authorization, access=standing.access)
    share = await families.share_of(authority, tx, standing, request)
    begun = _new_family(tx, request, authorization, standing.limits)
    family, refresh_token = families.renewed(authority, tx, request, begun, share)
    await tx.families.add(family)
    if "openid" in family.access.openid:
        # Without an ID token it knows of no session, and would not understand of which it is told.
        await backchannel_logout.note_client(tx, request.client, authorization.session_id)
    by = events.by_client(request)
    detail = {"client_id": family.client_id, "user_id": family.user_id}
    await events.record(tx, EventKind.FAMILY_STARTED, by, family.id, detail)
    signed_in = SignedIn(
        standing.user,
        authorization.auth_time,
        authorization.amr,
        authorization.session_id,
        authorization.nonce,
    )
    answer = Answer(signed_in, refresh_token)
    return families.issuance_under(tx, family, request, share, answer)


async def refuse_replayed(
    tx: Transaction, request: TokenRequest, family_id: str, user_id: str
) -> Refusal:
    """End what came of a code that its owner shows again: one of the two was a thief."""
    by = events.by_client(request)
    await events.record(tx, EventKind.CODE_REPLAYED, by, family_id, {"user_id": user_id})
    await revocation.end_family(tx, family_id, "code_replayed", by)
    sentence = "The code was used before; all that came of it has been ended."
    return Refusal(invalid_grant(sentence, reason=Reason.USED_UP))


def _new_family(
    tx: Transaction, request: TokenRequest, authorization: Authorization, limits: RefreshLimits
) -> Family:
    if authorization.family_id is None:
        raise OAuthError("server_error", "The code was taken without naming its family.")
    refreshes = "refresh_token" in request.client.grant_types
    offline = refreshes and "offline_access" in authorization.access.openid
    life = families.life_of(request.client, limits, offline=offline)
    return Family(
        id=authorization.family_id,
        grant_id=authorization.grant_id,
        client_id=authorization.client_id,
        user_id=authorization.user_id,
        session_id=None if offline else authorization.session_id,
        access=authorization.access,
        auth_time=authorization.auth_time,
        amr=authorization.amr,
        created_at=tx.now,
        last_used_at=tx.now,
        access_expires_at=0,
        origin=authorization.origin,
        binding=request.proved,
        absolute_expires_at=authorization.auth_time + life.absolute if refreshes else 0,
    )
