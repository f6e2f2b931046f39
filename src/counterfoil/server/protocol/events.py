"""Writing down what happened: who, what to whom, when, from where, with what proof (S111)."""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from counterfoil.server.protocol.issuance import TokenRequest
from counterfoil.server.records.event import CLI, NO_PROOF, Actor, Event, EventKind
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction

__all__ = ["CLI", "NO_PROOF", "Actor", "Origin"]

ANYONE: Final = "anyone"
"""Who acts has not said, or not shown, who they are."""
PASSWORD: Final = "password"
SECOND_FACTOR: Final = "second_factor"
MAILED_CODE: Final = "mailed_code"
"""Whoever acts showed a code that was sent to the address of the account, after a first step."""
DPOP: Final = "dpop"
LINK: Final = "link"
"""Whoever acts opened a link that was sent to the address of the account."""


def by_client(request: TokenRequest) -> Actor:
    """The client of a token request acts."""
    by = by_client_with(request.client.client_id, request.proof, request.origin)
    return replace(by, proof=DPOP) if by.proof == NO_PROOF and not request.proved.is_bearer else by


def by_client_with(client_id: str, proof: str, origin: Origin) -> Actor:
    """A client acts, known by a secret or a key; a public one only named itself."""
    return Actor(f"client:{client_id}", origin, proof)


def by_user(user_id: str, origin: Origin, proof: str = NO_PROOF) -> Actor:
    """A person acts."""
    return Actor(f"user:{user_id}", origin, proof)


def by_session(session: Session, origin: Origin) -> Actor:
    """A person acts in their session."""
    return by_user(session.user_id, origin, f"session:{session.id}")


async def record(
    tx: Transaction,
    kind: EventKind,
    by: Actor,
    subject: str,
    detail: Mapping[str, str] | None = None,
) -> None:
    """Append an event in the transaction of the change that it tells of."""
    await tx.events.append(
        Event(
            kind=kind,
            at=tx.now,
            actor=by.name,
            subject=subject,
            proof=by.proof,
            address=by.origin.address,
            user_agent=by.origin.user_agent,
            detail=detail or {},
        )
    )
