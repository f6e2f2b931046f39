"""Doubting a session: its person signs in anew before it goes on (S107).

What its browser is remembered by is forgotten: otherwise that would take the place of the sign-in.
"""

from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import Actor
from counterfoil.server.records.store import Transaction


async def doubt(tx: Transaction, session_id: str) -> None:
    """Have a session sign in anew; what goes on in it stands, its browser is remembered no more."""
    await tx.sessions.doubt(session_id, tx.now)
    session = await tx.sessions.find(session_id)
    tied = session.remembered_id if session is not None else ""
    remembered = await tx.remembered_browsers.find(tied) if tied else None
    if remembered is not None:
        by = Actor("server", proof="server")
        await revocation.forget_browser(tx, remembered, "doubted", by)
