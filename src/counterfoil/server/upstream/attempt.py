"""A sign-in that is on its way at a provider. It travels as ``state``, sealed, and costs no row.

It opens in the browser that began it alone, and is good once and for a short time (RFC 9700 §2.1).
"""

import hashlib
from base64 import urlsafe_b64encode
from typing import Final

from msgspec import Struct

from counterfoil.server.keys.sealed_text import opened_text, sealed_text
from counterfoil.server.keys.sealing import NotSealed, Sealing
from counterfoil.server.records.store import Transaction

LIFETIME: Final = 10 * 60
"""Seconds that somebody may take at the provider."""
RANDOM_BYTES: Final = 3 * 32


class Attempt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was begun, at which provider, when. ``query`` says where it leads on (``Onward``).

    ``since``: the person has to sign in there after that time. ``silent``: nobody is to be asked.
    ``linking`` is the session that wants the account there linked, or empty.
    """

    id: str
    provider_id: str
    nonce: str
    code_verifier: str
    at: int
    query: str = ""
    since: int | None = None
    silent: bool = False
    linking: str = ""

    def is_timely(self, now: float) -> bool:
        """Whether it may still be answered."""
        return now < self.at + LIFETIME

    async def use_up(self, tx: Transaction) -> bool:
        """Take the one answer; ``False`` where it was answered before."""
        name = hashlib.sha256(f"upstream sign-in {self.id}".encode()).digest()
        return await tx.proofs.take(name, self.at + LIFETIME)

    def __repr__(self) -> str:
        return f"Attempt(provider_id={self.provider_id!r})"


def drawn(random: bytes) -> tuple[str, str, str]:
    """Spell an id, a nonce and a code verifier (RFC 7636 §4.1) of ``RANDOM_BYTES``."""
    parts = (random[start : start + 32] for start in (0, 32, 64))
    one, two, three = (urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return one, two, three


def seal(sealing: Sealing, attempt: Attempt, browser: str) -> str:
    """Seal to the browser that began it (``browser`` names its cookie)."""
    return sealed_text(sealing, attempt, _context(browser))


def unseal(sealing: Sealing, state: str, browser: str) -> Attempt | None:
    """Open what ``seal`` made; ``None`` where it is not ours, or another browser's."""
    try:
        return opened_text(sealing, state, _context(browser), Attempt)
    except NotSealed:
        return None


def _context(browser: str) -> str:
    return f"upstream sign-in of {browser}"
