"""The authorization code grant with PKCE (OAuth 2.1 §4.1.3, RFC 7636 §4.6, RFC 9700 §2.1.1)."""

from msgspec.structs import replace

from counterfoil.oauth import pkce
from counterfoil.oauth.errors import OAuthError, invalid_grant, invalid_request
from counterfoil.oauth.opaque import Kind, fingerprint, is_spelled
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import events, families, proof_of_possession, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.issuance import Issuance, Refusal, SignedIn, TokenRequest
from counterfoil.server.protocol.standing import what_stands
from counterfoil.server.records.authorization import MOST_WRONG_VERIFIERS, Authorization
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import Family
from counterfoil.server.records.refresh_limits import RefreshLimits
from counterfoil.server.records.store import Transaction

_NOT_VALID = "The authorization code is not valid, or no longer."


async def exchange(
    authority: Authority, tx: Transaction, request: TokenRequest
) -> Issuance | Refusal:
    """Exchange a code for tokens. To check and to take the code is one statement.

    Raises:
        OAuthError: the taking is rolled back, so that a stranger cannot burn the code.
    """
    digest, verifier = _read(request.parameters)
    family_id = new_handle(tx)
    authorization = await tx.authorizations.take(digest, family_id, tx.now)
    if authorization is None:
        return await _refuse_untakeable(tx, request, digest, verifier)
    _demand_same_request(authorization, request)
    if not pkce.matches(verifier, authorization.code_challenge):
        return await _refuse_wrong_verifier(tx, request, authorization)
    return await _start_family(authority, tx, request, replace(authorization, family_id=family_id))


def _read(parameters: Parameters) -> tuple[bytes, str]:
    code, verifier = parameters.require("code"), parameters.require("code_verifier")
    if not pkce.is_verifier(verifier):
        raise invalid_request("The parameter code_verifier is not 43 to 128 unreserved characters.")
    if not is_spelled(Kind.AUTHORIZATION_CODE, code):
        raise invalid_grant(_NOT_VALID, detail="no code of ours")
    return fingerprint(code), verifier


async def _refuse_untakeable(
    tx: Transaction, request: TokenRequest, digest: bytes, verifier: str
) -> Refusal:
    """Refuse; a code that was exchanged before ends what came of it, if its owner shows it."""
    authorization = await tx.authorizations.find(digest)
    replayed = (
        authorization is not None
        and authorization.family_id is not None
        and authorization.client_id == request.client.client_id
        and pkce.matches(verifier, authorization.code_challenge)
    )
    if not replayed or authorization is None or authorization.family_id is None:
        raise invalid_grant(_NOT_VALID, detail="unknown, expired or burned")
    by = events.by_client(request)
    whose = {"user_id": authorization.user_id}
    await events.record(tx, EventKind.CODE_REPLAYED, by, authorization.family_id, whose)
    await revocation.end_family(tx, authorization.family_id, "code_replayed", by)
    sentence = "The authorization code was used before; all that came of it has been ended."
    return Refusal(invalid_grant(sentence, reason=Reason.USED_UP))


def _demand_same_request(authorization: Authorization, request: TokenRequest) -> None:
    if authorization.client_id != request.client.client_id:
        raise invalid_grant(_NOT_VALID, detail="a code of another client")
    redirect_uri = request.parameters.get("redirect_uri")
    if redirect_uri is not None and redirect_uri != authorization.redirect_uri:
        raise invalid_grant("The parameter redirect_uri is not that of the authorization request.")
    proof_of_possession.demand_requested(authorization.dpop_jkt, request)


async def _refuse_wrong_verifier(
    tx: Transaction, request: TokenRequest, authorization: Authorization
) -> Refusal:
    await tx.authorizations.put_back(authorization.digest)
    if authorization.wrong_verifiers + 1 == MOST_WRONG_VERIFIERS:
        by = events.by_client(request)
        whose = {"user_id": authorization.user_id}
        await events.record(tx, EventKind.CODE_BURNED, by, authorization.grant_id, whose)
    return Refusal(invalid_grant("The code_verifier does not match the code_challenge."))


async def _start_family(
    authority: Authority, tx: Transaction, request: TokenRequest, authorization: Authorization
) -> Issuance:
    standing = await what_stands(authority, tx, request.client, authorization)
    authorization = replace(authorization, access=standing.access)
    share = await families.share_of(authority, tx, standing, request)
    begun = _new_family(tx, request, authorization, standing.limits)
    family, refresh_token = families.renewed(authority, tx, request, begun, share)
    await tx.families.add(family)
    by = events.by_client(request)
    detail = {"client_id": family.client_id, "user_id": family.user_id}
    await events.record(tx, EventKind.FAMILY_STARTED, by, family.id, detail)
    signed_in = SignedIn(
        standing.user, authorization.auth_time, authorization.session_id, authorization.nonce
    )
    issuance = families.issuance_under(tx, family, request, share, signed_in)
    return replace(issuance, refresh_token=refresh_token)


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
        created_at=tx.now,
        last_used_at=tx.now,
        access_expires_at=0,
        origin=authorization.origin,
        binding=request.proved,
        absolute_expires_at=authorization.auth_time + life.absolute if refreshes else 0,
    )
