"""Proving by a passkey who one is: what sign-in, a second factor and step-up share (S76, S105).

WebAuthn Level 3 §7.2. ``ask`` for a page, ``verify`` its answer, then ``spend`` what was verified
in the transaction of whatever it is for.
"""

import hmac
from functools import partial

import msgspec
from msgspec import Struct

from counterfoil.oauth.acr import KEY, PRESENT, SEVERAL_FACTORS
from counterfoil.server.identity import ceremony as ceremonies
from counterfoil.server.identity.ceremony import Answer, Ceremony, Holder
from counterfoil.server.identity.webauthn import (
    Asserted,
    Known,
    NotProved,
    named_in,
    request_options,
    verify_assertion,
)
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.passkey import Passkey, PasskeyUse
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


class Fresh(Struct, frozen=True):
    """A new challenge of ``CHALLENGE_BYTES``, and when it is given, in seconds.

    ``user_handle`` has ``USER_HANDLE_BYTES``, and is used for somebody's first passkey alone.
    """

    challenge: bytes
    at: int
    user_handle: bytes = b""


class Question(Struct, frozen=True):
    """What a page carries: the sealed ceremony, and the options for the browser in JSON."""

    sealed: str
    options: str


class Verified(Struct, frozen=True):
    """An answer whose signature is right. It counts once it is spent."""

    ceremony: Ceremony
    passkey: Passkey
    asserted: Asserted


class Proved(Struct, frozen=True):
    """Who has shown by which passkey who they are; ``user_verified``: to its device, too."""

    user: User
    passkey: Passkey
    user_verified: bool

    @property
    def amr(self) -> tuple[str, ...]:
        """The methods of a sign-in by the passkey alone: two factors where its device asked."""
        return (KEY, PRESENT, SEVERAL_FACTORS) if self.user_verified else (KEY, PRESENT)

    @property
    def proof(self) -> str:
        """Its word in events."""
        return f"passkey:{self.passkey.id}"


def ask_anybody(
    authority: Authority, holder: Holder, fresh: Fresh, *, must_verify: bool = False
) -> Question | None:
    """Ask for any passkey, and name nobody; ``None`` where this server can have none.

    ``must_verify``: its device must ask for a finger, a face or a number.
    """
    begun = Ceremony(challenge=fresh.challenge, begun_at=fresh.at, must_verify=must_verify)
    return _question(authority, holder, begun, [])


async def ask_person(
    authority: Authority, holder: Holder, fresh: Fresh, user_id: str
) -> Question | None:
    """Ask for a passkey of one person, who has shown already who they are by something else.

    ``None`` where they have none. The answer is good for them alone.
    """
    own = await authority.store.read(partial(_own, user_id))
    begun = Ceremony(challenge=fresh.challenge, begun_at=fresh.at, user_id=user_id)
    return _question(authority, holder, begun, own) if own else None


async def verify(authority: Authority, holder: Holder, answer: Answer, now: float) -> Verified:
    """Verify an answer to what was asked on this page. It changes nothing.

    Raises:
        NotProved: it is none, or of no passkey that is known here.
    """
    party = ceremonies.party(authority)
    begun = ceremonies.unseal(authority, answer.unverified_ceremony, holder, now)
    named = named_in(answer.unverified_credential)
    passkey = await authority.store.read(partial(_find, named.credential_id))
    if party is None or passkey is None:
        raise NotProved("No such passkey is known.")
    # Whoever was asked for by name need not be named again (§7.2, step 6).
    handle = named.user_handle or (passkey.user_handle if begun.user_id else b"")
    if not hmac.compare_digest(handle, passkey.user_handle):
        raise NotProved("The passkey is another person's than the answer says.")
    if begun.user_id not in ("", passkey.user_id):
        raise NotProved("The passkey is another person's than was asked for.")
    asked, text = begun.asked(party), answer.unverified_credential
    asserted = await verify_assertion(asked, text, passkey.public_key)
    if asserted.backup_eligible != passkey.backup_eligible:
        raise NotProved("Whether the passkey can be backed up has changed.")
    return Verified(begun, passkey, asserted)


async def spend(
    authority: Authority, tx: Transaction, verified: Verified, origin: Origin
) -> Proved | None:
    """Spend a verified answer, and give whom it proves; ``None``: nobody.

    So it is where its challenge was answered before, the passkey has gone meanwhile, the account
    is disabled, or its count did not go up: then a copy of it may exist (§6.1.1). That is an event,
    and the passkey is marked. A lock of the account, which is there against guessing, bars nobody.

    To be called in a transaction that commits whatever it gives.
    """
    if not await ceremonies.spend(authority, tx, verified.ceremony):
        return None
    passkey = await tx.passkeys.find(verified.passkey.id)
    user = await tx.users.find(passkey.user_id) if passkey else None
    if passkey is None or user is None:
        return None
    by = events.by_user(user.id, origin, f"passkey:{passkey.id}")
    if not user.is_enabled:
        await events.record(tx, EventKind.SIGN_IN_FAILED, by, user.id)
        return None
    asserted = verified.asserted
    use = PasskeyUse(tx.now, asserted.sign_count, backed_up=asserted.backed_up)
    if not await tx.passkeys.use(passkey.id, use):
        await tx.passkeys.suspect(passkey.id, tx.now)
        await events.record(tx, EventKind.PASSKEY_SUSPECT, by, user.id, {"passkey": passkey.id})
        return None
    return Proved(user, passkey, asserted.user_verified)


def known(passkeys: list[Passkey]) -> list[Known]:
    """Give passkeys as a browser is told of them."""
    return [Known(each.credential_id, each.transports) for each in passkeys]


def _question(
    authority: Authority, holder: Holder, begun: Ceremony, allowed: list[Passkey]
) -> Question | None:
    party = ceremonies.party(authority)
    if party is None:
        return None
    lifetime = authority.settings.passkey_ceremony_lifetime
    options = request_options(begun.asked(party), known(allowed), lifetime)
    sealed = ceremonies.seal(authority, begun, holder)
    return Question(sealed, msgspec.json.encode(options).decode())


async def _own(user_id: str, tx: Transaction) -> list[Passkey]:
    return await tx.passkeys.of_user(user_id)


async def _find(credential_id: bytes, tx: Transaction) -> Passkey | None:
    return await tx.passkeys.find_by_credential(credential_id)
