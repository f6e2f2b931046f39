"""Writing down what happened: who, what, when, from where (S111)."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from counterfoil.server.protocol.issuance import TokenRequest
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction


class Actor(Struct, frozen=True):
    """Who acts (``user:…``, ``client:…``, ``cli``, ``janitor``), and from where."""

    name: str
    origin: Origin = Origin()


CLI: Final = Actor("cli")


def by_client(request: TokenRequest) -> Actor:
    """The client of a token request acts."""
    return Actor(f"client:{request.client.client_id}", request.origin)


def by_user(user_id: str, origin: Origin) -> Actor:
    """A person acts."""
    return Actor(f"user:{user_id}", origin)


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
            address=by.origin.address,
            user_agent=by.origin.user_agent,
            detail=detail or {},
        )
    )
