"""A ceremony with a passkey that a page has begun: its challenge, sealed to the browser (WebAuthn).

It costs no row until it is answered, and then one for as long as it could be answered again.
"""

import hashlib
from enum import StrEnum
from typing import Final

from msgspec import Struct

from counterfoil.server.identity.webauthn import Asked, NotProved, Party, party_of
from counterfoil.server.keys.sealed_text import opened_text, sealed_text
from counterfoil.server.keys.sealing import NotSealed
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.store import Transaction

_LONGEST: Final = 1024
_LABEL: Final = b"passkey challenge "


class Purpose(StrEnum):
    """What a ceremony is for; one for another purpose does not open."""

    SIGN_IN = "sign in"
    CONFIRM = "confirm"
    REGISTER = "register"


class Holder(Struct, frozen=True):
    """Whose page it is: the public name of the browser or the session, and for which purpose."""

    purpose: Purpose
    name: str


class Ceremony(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked. ``user_id``: of whom, where that is known; empty: of anybody.

    ``user_handle`` is that of a passkey to be made. ``begun_at`` in seconds since the epoch.
    """

    challenge: bytes
    begun_at: int
    must_verify: bool = False
    user_id: str = ""
    user_handle: bytes = b""

    def asked(self, party: Party) -> Asked:
        """Give what an answer is verified against."""
        return Asked(party, self.challenge, must_verify=self.must_verify)


class Answer(Struct, frozen=True):
    """What came back from a page: the sealed ceremony, and the browser's answer in JSON."""

    unverified_ceremony: str
    unverified_credential: str


def seal(authority: Authority, ceremony: Ceremony, holder: Holder) -> str:
    """Seal a ceremony to whose page it is."""
    return sealed_text(authority.pending, ceremony, _context(holder))


def unseal(authority: Authority, unverified: str, holder: Holder, now: float) -> Ceremony:
    """Open what ``seal`` made.

    Raises:
        NotProved: it is not ours, not of this page, or too old.
    """
    try:
        text, context = unverified[:_LONGEST], _context(holder)
        ceremony = opened_text(authority.pending, text, context, Ceremony)
    except NotSealed:
        raise NotProved("The challenge is not of this page.") from None
    if now >= ceremony.begun_at + authority.settings.passkey_ceremony_lifetime:
        raise NotProved("The challenge is too old.")
    return ceremony


async def spend(authority: Authority, tx: Transaction, ceremony: Ceremony) -> bool:
    """Spend the challenge: one statement, so that only one answer to it counts."""
    name = hashlib.sha256(_LABEL + ceremony.challenge).digest()
    until = ceremony.begun_at + authority.settings.passkey_ceremony_lifetime
    return tx.now < until and await tx.proofs.take(name, until)


def party(authority: Authority) -> Party | None:
    """Give the relying party; ``None`` where this server can have no passkeys."""
    return party_of(authority.issuer)


def _context(holder: Holder) -> str:
    return f"passkey {holder.purpose.value} of {holder.name}"
