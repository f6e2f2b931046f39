"""Half a sign-in: the password was right, and a second factor is due. It is no session.

It travels sealed in a cookie of the browser in which it was begun, and costs no row.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.oauth.acr import PASSWORD
from counterfoil.server.keys.sealing import NotSealed, Sealing
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

LIFETIME: Final = 10 * 60
"""Seconds within which the second factor is shown."""


class HalfSignIn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was proved, by whom, when. ``generation`` names the password: with another it is over.

    ``id`` is used up by the session that it becomes. ``keep``: they want to stay signed in.
    """

    id: str
    user_id: str
    at: int
    generation: str
    amr: tuple[str, ...] = (PASSWORD,)
    keep: bool = False

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
    """Name a person's present password, by its salted hash, and tell nothing of it."""
    return hashlib.sha256((user.password_hash or "").encode()).hexdigest()


def seal(sealing: Sealing, half: HalfSignIn, browser: str) -> str:
    """Seal to the browser that began it (``browser`` names its cookie)."""
    sealed = sealing.seal(msgspec.json.encode(half), _context(browser))
    return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def unseal(sealing: Sealing, sealed: str, browser: str) -> HalfSignIn | None:
    """Open what ``seal`` made; ``None`` where it is not ours, or another browser's."""
    try:
        octets = urlsafe_b64decode(sealed.encode("ascii") + b"==")
        return msgspec.json.decode(sealing.open(octets, _context(browser)), type=HalfSignIn)
    except (NotSealed, NotBase64, UnicodeEncodeError, ValueError, msgspec.DecodeError):
        return None


def _context(browser: str) -> str:
    return f"half sign-in of {browser}"
