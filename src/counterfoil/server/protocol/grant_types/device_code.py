"""The device authorization grant: a device asks until a person has answered (RFC 8628 §3.4)."""

from msgspec.structs import replace

from counterfoil.oauth.errors import Denied, OAuthError, invalid_grant
from counterfoil.oauth.opaque import Kind, fingerprint, is_spelled
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import codes, proof_of_possession
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_family_id
from counterfoil.server.protocol.issuance import Issuance, Refusal, TokenRequest
from counterfoil.server.records.device_request import DeviceRequest, DeviceState
from counterfoil.server.records.store import Transaction

_NOT_VALID = "The device code is not valid, or no longer."


async def exchange(
    authority: Authority, tx: Transaction, request: TokenRequest
) -> Issuance | Refusal:
    """Exchange a device code for tokens, once a person has allowed it.

    That the device asked, and whether too early, is written down in any case, and so returned.

    Raises:
        OAuthError: nothing happened: a stranger's try, or a key that was not proved.
    """
    unverified = request.parameters.require("device_code")
    if not is_spelled(Kind.DEVICE_CODE, unverified):
        raise invalid_grant(_NOT_VALID, detail="no device code of ours")
    digest = fingerprint(unverified)
    asked = await tx.device_requests.poll(digest, request.client.client_id, tx.now)
    waits = _why_not_yet(asked, tx.now) if asked is not None else None
    if waits is not None:
        return Refusal(waits)
    return await _take(authority, tx, request, digest)


def _why_not_yet(asked: DeviceRequest, now: int) -> OAuthError | None:
    """Say what the device is told unless it was allowed (§3.5)."""
    if asked.hurried:
        return OAuthError("slow_down", "Wait for five seconds longer between two requests.")
    match asked.state:
        case DeviceState.DENIED:
            return Denied("The person did not allow it.")
        case DeviceState.PENDING if now < asked.expires_at:
            return OAuthError("authorization_pending", "The person has not answered yet.")
        case DeviceState.PENDING:
            return OAuthError("expired_token", "The device code has expired; begin again.")
        case DeviceState.ALLOWED:
            return None


async def _take(
    authority: Authority, tx: Transaction, request: TokenRequest, digest: bytes
) -> Issuance | Refusal:
    """To check and to take the code is one statement."""
    family_id = new_family_id(authority.keys.family_names, tx)
    taken = await tx.authorizations.take(digest, family_id, tx.now)
    if taken is None:
        return await _refuse_untakeable(tx, request, digest)
    if taken.client_id != request.client.client_id:
        raise invalid_grant(_NOT_VALID, detail="a device code of another client")
    proof_of_possession.demand_requested(taken.dpop_jkt, request)
    # What goes on goes on at the device, not at the browser where it was allowed.
    taken = replace(taken, family_id=family_id, origin=request.origin)
    return await codes.start_family(authority, tx, request, taken)


async def _refuse_untakeable(tx: Transaction, request: TokenRequest, digest: bytes) -> Refusal:
    """Refuse; a code that was exchanged before ends what came of it, if its owner shows it."""
    found = await tx.authorizations.find(digest)
    if found is not None and found.client_id != request.client.client_id:
        raise invalid_grant(_NOT_VALID, detail="a device code of another client")
    if found is not None and found.family_id is not None:
        return await codes.refuse_replayed(tx, request, found.family_id, found.user_id)
    if found is not None:
        return Refusal(OAuthError("expired_token", "The device code has expired; begin again."))
    raise invalid_grant(_NOT_VALID, detail="unknown, expired, or taken back", reason=Reason.REVOKED)
