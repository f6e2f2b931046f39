"""Telling clients that a session has ended (OpenID Connect Back-Channel Logout 1.0 §2).

What is to be told is written down with the ending; it is carried out by ``server/backchannel``.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.records.client import Client
from counterfoil.server.records.logout import Logout
from counterfoil.server.records.session import Session
from counterfoil.server.records.store import Transaction

KEEPS_TRYING: Final = 24 * 60 * 60
"""Seconds after which a client that cannot be reached is told no more."""


class Telling(Struct, frozen=True):
    """A client that is to be told, and of which sessions of a person in which it took part.

    ``wholly``: all that the person has begun there has ended, known here or not.
    """

    client_id: str
    user_id: str
    session_ids: tuple[str, ...]
    wholly: bool = False


def of_sessions(sessions: Iterable[Session]) -> list[Telling]:
    """Give whom it concerns that these sessions end."""
    return [
        Telling(client_id, session.user_id, (session.id,))
        for session in sessions
        for client_id in session.told_clients
    ]


def of_person(user_id: str, sessions: Iterable[Session], others: Iterable[str]) -> list[Telling]:
    """Give whom it concerns that everything of a person ends: clients of sessions, and others."""
    took_part: dict[str, list[str]] = {client_id: [] for client_id in others}
    for session in sessions:
        for client_id in session.told_clients:
            took_part.setdefault(client_id, []).append(session.id)
    return [
        Telling(client_id, user_id, tuple(session_ids), wholly=True)
        for client_id, session_ids in took_part.items()
    ]


async def of_app(tx: Transaction, client_id: str, user_id: str) -> list[Telling]:
    """Give whom it concerns that all of one app of a person ends: nobody, or the app."""
    client = await tx.clients.find(client_id)
    if client is None or not client.backchannel_logout_uri:
        return []
    sessions = await tx.sessions.of_user(user_id)
    own = tuple(session.id for session in sessions if client_id in session.told_clients)
    return [Telling(client_id, user_id, own, wholly=True)]


async def note_client(tx: Transaction, client: Client, session_id: str | None) -> None:
    """Note that somebody signed in to a client, if it wants to be told when that ends."""
    if client.backchannel_logout_uri and session_id is not None:
        await tx.sessions.let_be_told(session_id, client.client_id)


async def tell(tx: Transaction, tellings: Iterable[Telling]) -> None:
    """Write down who is to be told; a client that is disabled is not."""
    for telling in tellings:
        client = await tx.clients.find(telling.client_id)
        if client is None or not client.backchannel_logout_uri or not client.is_enabled:
            continue
        for session_id in _named(client, telling):
            await tx.logouts.put(_logout(tx, telling, session_id), tx.now)
        if telling.wholly:
            for session_id in telling.session_ids:
                await tx.sessions.tell_no_more(session_id, telling.client_id)


def _named(client: Client, telling: Telling) -> tuple[str, ...]:
    """Give the sessions to name, one for each message; an empty name means all of them (§2.4)."""
    if telling.wholly and not client.backchannel_logout_session_required:
        return ("",)
    return telling.session_ids


def _logout(tx: Transaction, telling: Telling, session_id: str) -> Logout:
    return Logout(
        id=new_handle(tx),
        client_id=telling.client_id,
        sub=telling.user_id,
        session_id=session_id,
        expires_at=tx.now + KEEPS_TRYING,
    )
