"""Half a sign-in: one factor was right, and a second one is due. It is no session.

It travels sealed in a cookie of the browser in which it was begun, and costs no row.
"""

import hashlib
from typing import Final

from msgspec import Struct

from counterfoil.oauth.acr import PASSWORD
from counterfoil.server.keys.sealed_text import opened_text, sealed_text
from counterfoil.server.keys.sealing import NotSealed, Sealing
from counterfoil.server.protocol import events
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

LIFETIME: Final = 10 * 60
"""Seconds within which the second factor is shown."""


class Via(Struct, frozen=True):
    """By which linked identity somebody came in, and as which session at its provider, if told."""

    identity_id: str
    sid: str = ""


class HalfSignIn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was proved, by whom, when, with its word in events (``proof``).

    ``generation`` names the password and all that has ended: with another one it is over.

    ``id`` is used up by the session that it becomes. ``keep``: they want to stay signed in.
    ``via`` and ``auth_time``: by a provider, which says when they signed in there.
    ``browser_known``: somebody has signed in to this account there before. ``held``: what did not
    fit asks for more.
    """

    id: str
    user_id: str
    at: int
    generation: str
    amr: tuple[str, ...] = (PASSWORD,)
    keep: bool = False
    auth_time: int | None = None
    via: Via | None = None
    browser_known: bool = False
    held: bool = False
    proof: str = events.PASSWORD

    def is_good(self, user: User, now: int) -> bool:
        """Whether it still stands for this person, as they are now."""
        is_theirs = self.user_id == user.id and self.generation == generation_of(user)
        return is_theirs and user.is_enabled and now < self.at + LIFETIME

    async def use_up(self, tx: Transaction) -> bool:
        """Let it become a session; ``False`` where it has become one."""
        name = hashlib.sha256(f"half sign-in {self.id}".encode()).digest()
        return await tx.proofs.take(name, self.at + LIFETIME)


def begin(tx: Transaction, user: User, *, keep: bool) -> HalfSignIn:
    """Say that somebody has shown their password."""
    return HalfSignIn(
        id=new_handle(tx), user_id=user.id, at=tx.now, generation=generation_of(user), keep=keep
    )


def generation_of(user: User) -> str:
    """Name a person's present password, by its salted hash, and tell nothing of it.

    Once everything of theirs has ended, or all but one browser, it is another name.
    """
    named = [user.password_hash or "", *([str(user.endings)] if user.endings else [])]
    return hashlib.sha256(" ".join(named).encode()).hexdigest()


def seal(sealing: Sealing, half: HalfSignIn, browser: str) -> str:
    """Seal to the browser that began it (``browser`` names its cookie)."""
    return sealed_text(sealing, half, _context(browser))


def unseal(sealing: Sealing, sealed: str, browser: str) -> HalfSignIn | None:
    """Open what ``seal`` made; ``None`` where it is not ours, or another browser's."""
    try:
        return opened_text(sealing, sealed, _context(browser), HalfSignIn)
    except NotSealed:
        return None


def _context(browser: str) -> str:
    return f"half sign-in of {browser}"
