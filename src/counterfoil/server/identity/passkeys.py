"""The passkeys of a person: adding one, renaming one, removing one (S76, S105).

To add and to remove asks for a fresh sign-in, so that an open browser is no way to another key.
"""

from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.identity import ceremony as ceremonies
from counterfoil.server.identity.ceremony import Answer, Ceremony, Holder, Purpose
from counterfoil.server.identity.passkey_proof import Fresh, Question, known
from counterfoil.server.identity.recovery import ASK_PATH
from counterfoil.server.identity.security_letters import tell
from counterfoil.server.identity.ways_in import has_another_way_in
from counterfoil.server.identity.webauthn import (
    NotProved,
    Person,
    Registered,
    creation_options,
    verify_registration,
)
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.fresh_sign_in import demand_fresh
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.letter import LetterKind
from counterfoil.server.records.passkey import Passkey
from counterfoil.server.records.sentence import say
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.settings import Settings

LONGEST_NAME: Final = 100
_NOT_MADE: Final = say(
    "The passkey could not be added. The page may have waited too long: try again."
)


class PasskeyRefused(Exception):
    """A passkey cannot be added, renamed or removed. The text is for the person."""

    def __init__(self, sentence: str) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


class PasskeyUnknown(Exception):
    """The person has no such passkey."""


class SignInTooOld(Exception):
    """The person must sign in anew first, or by more than they did."""


class Adding(Struct, frozen=True):
    """Who adds a passkey, in which session, from where, under which name."""

    session: Session
    origin: Origin
    name: str
    answer: Answer


class Removal(Struct, frozen=True):
    """Who removes which passkey, in which session, from where; ``lost``: its device is lost."""

    session: Session
    origin: Origin
    passkey_id: str
    lost: bool = False


async def begin(authority: Authority, user: User, session: Session, fresh: Fresh) -> Question:
    """Ask a browser to make a passkey. All of a person's have the same handle.

    Raises:
        PasskeyRefused: the person has too many, or this server can have none.
    """
    party = ceremonies.party(authority)
    if party is None:
        raise PasskeyRefused(say("Passkeys do not work at the address of this server."))
    own = await authority.store.read(partial(_own, user.id))
    _demand_room(authority.settings, own)
    ceremony = Ceremony(
        challenge=fresh.challenge,
        begun_at=fresh.at,
        user_id=user.id,
        user_handle=own[0].user_handle if own else fresh.user_handle,
    )
    person = Person(ceremony.user_handle, user.email, user.name or user.email)
    lifetime = authority.settings.passkey_ceremony_lifetime
    options = creation_options(ceremony.asked(party), person, known(own), lifetime)
    sealed = ceremonies.seal(authority, ceremony, Holder(Purpose.REGISTER, session.id))
    return Question(sealed, msgspec.json.encode(options).decode())


async def add(authority: Authority, adding: Adding, now: float) -> Passkey:
    """Add the passkey that a browser has made.

    Raises:
        PasskeyRefused: it is not what was asked for, or not to be had.
        SignInTooOld: the person signed in too long ago.
    """
    holder = Holder(Purpose.REGISTER, adding.session.id)
    party = ceremonies.party(authority)
    try:
        begun = ceremonies.unseal(authority, adding.answer.unverified_ceremony, holder, now)
        if party is None:
            raise NotProved("There are no passkeys here.")
        asked = begun.asked(party)
        registered = await verify_registration(asked, adding.answer.unverified_credential)
    except NotProved:
        raise PasskeyRefused(_NOT_MADE) from None
    work = partial(_conclude, authority, adding, (begun, registered))
    try:
        return await authority.store.transact(work)
    except Conflict:
        raise PasskeyRefused(_NOT_MADE) from None


async def rename(tx: Transaction, session: Session, origin: Origin, named: tuple[str, str]) -> None:
    """Rename a passkey: ``named`` is its id, and the name that it gets.

    Raises:
        PasskeyRefused: it cannot be called so.
        PasskeyUnknown: the person has no such passkey.
    """
    passkey = await own_passkey(tx, session.user_id, named[0])
    await tx.passkeys.rename(passkey.id, _name_of(named[1]))
    by = events.by_session(session, origin)
    detail = {"passkey": passkey.id}
    await events.record(tx, EventKind.PASSKEY_RENAMED, by, passkey.user_id, detail)


async def remove(authority: Authority, tx: Transaction, removal: Removal) -> Ending:
    """Remove a passkey. Where its device is lost, all but this browser ends with it.

    Raises:
        PasskeyRefused: it is the only way in.
        PasskeyUnknown: the person has no such passkey.
        SignInTooOld: the person signed in too long ago.
    """
    session = removal.session
    user = await _demand_fresh(authority, tx, session)
    passkey = await own_passkey(tx, user.id, removal.passkey_id)
    if not await has_another_way_in(tx, user, without=passkey.id):
        raise PasskeyRefused(say("You could not sign in any more. Add another passkey first."))
    await tx.passkeys.remove(passkey.id)
    await tx.users.note_ending(user.id)  # half a sign-in by a touch of it has no row
    by = events.by_session(session, removal.origin)
    cause = Cause.PASSKEY_LOST if removal.lost else Cause.PASSKEY_REMOVED
    detail = {"passkey": passkey.id, "why": cause.value}
    await events.record(tx, EventKind.PASSKEY_REMOVED, by, user.id, detail)
    await tell(authority, tx, user, LetterKind.PASSKEY_REMOVED)
    return await revocation.follow(tx, cause, user.id, by, session.id)


async def own_passkey(tx: Transaction, user_id: str, passkey_id: str) -> Passkey:
    """Find a passkey of a person; another's looks as if it were not there.

    Raises:
        PasskeyUnknown: there is none.
    """
    passkey = await tx.passkeys.find(passkey_id)
    if passkey is None or passkey.user_id != user_id:
        raise PasskeyUnknown
    return passkey


async def _conclude(
    authority: Authority, adding: Adding, made: tuple[Ceremony, Registered], tx: Transaction
) -> Passkey:
    begun, registered = made
    user = await _demand_fresh(authority, tx, adding.session)
    name = _name_of(adding.name)
    _demand_room(authority.settings, await tx.passkeys.of_user(user.id))
    if begun.user_id != user.id or not await ceremonies.spend(authority, tx, begun):
        raise PasskeyRefused(_NOT_MADE)
    passkey = Passkey(
        id=new_handle(tx),
        credential_id=registered.credential_id,
        user_id=user.id,
        user_handle=begun.user_handle,
        public_key=registered.public_key,
        name=name,
        # After a sign-in of this second, which could not show it (Factors.were_shown). Not after
        # one that another clock dated later: until then it would count for nobody as there.
        created_at=tx.now + (adding.session.auth_time == tx.now),
        sign_count=registered.sign_count,
        transports=registered.transports,
        backup_eligible=registered.backup_eligible,
        backed_up=registered.backed_up,
    )
    await tx.passkeys.add(passkey)
    by = events.by_session(adding.session, adding.origin)
    await events.record(tx, EventKind.PASSKEY_ADDED, by, user.id, {"passkey": passkey.id})
    # Not to where passkeys are seen: whoever was there without its owner has shut them out of it.
    link = f"{authority.issuer}{ASK_PATH}"
    await tell(authority, tx, user, LetterKind.PASSKEY_ADDED, link=link)
    return passkey


async def _own(user_id: str, tx: Transaction) -> list[Passkey]:
    return await tx.passkeys.of_user(user_id)


async def _demand_fresh(authority: Authority, tx: Transaction, session: Session) -> User:
    """Look again, in the transaction: the session may have ended, the account been disabled."""
    try:
        fresh = await demand_fresh(authority.settings, tx, session)
    except OAuthError:
        raise SignInTooOld from None
    user = await tx.users.find(fresh.user_id)
    if user is None or not user.is_enabled:
        raise SignInTooOld
    return user


def _demand_room(settings: Settings, own: list[Passkey]) -> None:
    most = settings.passkeys_most
    if len(own) >= most:
        raise PasskeyRefused(say("There are {most} passkeys already: remove one first.", most=most))


def _name_of(given: str) -> str:
    name = " ".join(given.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise PasskeyRefused(
            say("A passkey has a name of 1 to {longest} characters.", longest=LONGEST_NAME)
        )
    return name
