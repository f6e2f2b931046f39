"""A person answers a device: which request a user code names, and what follows (RFC 8628 §3.3)."""

from msgspec import Struct

from counterfoil.oauth import user_code
from counterfoil.oauth.errors import invalid_request
from counterfoil.server.protocol import approval, authorization_request, events
from counterfoil.server.protocol.approval import Code, Decision
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.device_authorization import digest_of
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.client import DEVICE_CODE, Client
from counterfoil.server.records.device_request import DeviceRequest, DeviceState
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction

_GONE = say("This code was answered already, or has expired. Begin again on the device.")


class Waiting(Struct, frozen=True):
    """A request that waits for an answer, and the client that asks."""

    request: DeviceRequest
    client: Client

    @property
    def pending(self) -> Pending:
        """Give what is asked as an app in a browser would ask it; there is nowhere to return to."""
        asked = self.request
        return Pending(
            client_id=asked.client_id,
            redirect_uri="",
            code_challenge="",
            access=asked.access,
            requested_at=asked.created_at,
            dpop_jkt=asked.dpop_jkt,
        )


async def find(authority: Authority, tx: Transaction, typed: str) -> Waiting | None:
    """Find what a code names that somebody typed; ``None`` where nothing waits under it."""
    code = user_code.read(typed)
    found = await tx.device_requests.find_by_user_code(digest_of(authority, code)) if code else None
    if found is None or found.state is not DeviceState.PENDING or tx.now >= found.expires_at:
        return None
    client = await authorization_request.known_client(tx, found.client_id)
    client.demand_grant_type(DEVICE_CODE)
    return Waiting(found, client)


async def allow(
    authority: Authority, tx: Transaction, waiting: Waiting, decision: Decision
) -> bool:
    """Let the device in; ``False`` where the session has gone a moment ago.

    Raises:
        OAuthError: it was answered already, or has expired. Nothing is stored.
    """
    grant = await approval.permit(authority, tx, waiting.pending, decision)
    if grant is None:
        return False
    asked = waiting.request
    await _decide(tx, asked, DeviceState.ALLOWED)
    code = Code(asked.digest, asked.expires_at)
    await tx.authorizations.add(approval.authorization_of(waiting.pending, decision, grant, code))
    return True


async def deny(tx: Transaction, waiting: Waiting, by: events.Actor) -> None:
    """Turn the device away for good.

    Raises:
        OAuthError: it was answered already, or has expired.
    """
    await _decide(tx, waiting.request, DeviceState.DENIED)
    await events.record(tx, EventKind.CONSENT_REFUSED, by, waiting.client.client_id)


async def _decide(tx: Transaction, asked: DeviceRequest, state: DeviceState) -> None:
    if not await tx.device_requests.decide(asked.digest, state, tx.now):
        raise invalid_request(_GONE)
