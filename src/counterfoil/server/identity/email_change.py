"""Another address for an account: the new one is proved first, the old one can take it back (S72).

The link that proves the new address works where somebody is signed in to the account, and nowhere
else: whoever reads the mail of a stranger's account by mistake cannot give it their address. What
undoes it works anywhere for some days, and sets a new password, for who changed it knew the old.
"""

from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.server.identity import joining, recovery
from counterfoil.server.identity.factor_change import remove_passkeys
from counterfoil.server.identity.mailed_code_choice import take_away
from counterfoil.server.identity.passwords import Passwords, demand_allowed
from counterfoil.server.identity.security_letters import language_for
from counterfoil.server.mail.posting import post
from counterfoil.server.protocol import action_tokens, changed_data, events, revocation
from counterfoil.server.protocol.action_tokens import Opened
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.action_token import Action
from counterfoil.server.records.email_change import EmailChange
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.letter import Letter, LetterKind
from counterfoil.server.records.passkey import Passkey
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

CONFIRM_PATH = "/account/email/confirm"
UNDO_PATH = "/undo-email"
_DAY = 24 * 60 * 60


class Wanted(Struct, frozen=True):
    """Somebody who is signed in wants another address for their account."""

    user_id: str
    email: str
    language: str

    def __repr__(self) -> str:
        return f"Wanted(user_id={self.user_id!r})"


class Confirmation(Struct, frozen=True):
    """Somebody opened the link that was sent to the new address, in a session of the account."""

    token: Secret
    session: Session
    language: str
    origin: Origin


class Undoing(Struct, frozen=True):
    """Somebody takes an account back to the address from before, and chooses a new password.

    ``drop_passkeys``: they have its passkeys removed with it.
    """

    token: Secret
    password: Secret
    language: str
    origin: Origin
    drop_passkeys: bool = False


class Undoable(Struct, frozen=True):
    """A change that can be undone, and the account as it is.

    ``passkeys`` stay when it is undone: whoever changed the address may have added one.
    """

    change: EmailChange
    user: User
    passkeys: tuple[Passkey, ...]


async def ask(authority: Authority, wanted: Wanted) -> bool:
    """Note that somebody wants another address; the same work whether it is somebody's.

    ``False``: too many letters wait already.

    Raises:
        StoreUnavailable: nothing was noted.
    """
    return await authority.store.transact(partial(_note, authority, wanted))


async def _note(authority: Authority, wanted: Wanted, tx: Transaction) -> bool:
    if await tx.outbox.is_full(authority.settings.mail_most):
        return False
    errand = Letter(
        id=new_handle(tx),
        kind=LetterKind.EMAIL_CHANGE_ASKED,
        to=wanted.email,
        language=wanted.language,
        written_at=tx.now,
        values={"user_id": wanted.user_id},
    )
    await post(tx, authority.letters, errand, authority.settings.action_link_lifetime)
    return True


async def answer(authority: Authority, tx: Transaction, errand: Letter) -> Letter | None:
    """Write the letter to the new address: a link; or that somebody typed it who has another."""
    user = await tx.users.find(errand.values["user_id"])
    if user is None or not user.is_enabled:
        return None
    owner = await tx.users.find_by_email(errand.to)
    if owner is not None and owner.id != user.id:
        return joining.taken(authority, owner, errand)
    lifetime = authority.settings.action_link_lifetime
    secret = await action_tokens.make(tx, user, Action.CONFIRM_EMAIL, lifetime, errand.to)
    link = f"{authority.issuer}{CONFIRM_PATH}?token={secret.reveal()}"
    values = {"link": link, "minutes": str(lifetime // 60)}
    return replace(errand, kind=LetterKind.NEW_EMAIL, values=values)


async def look(authority: Authority, token: Secret) -> Opened | None:
    """Say whose address a link would change, and to which. It spends nothing."""

    async def work(tx: Transaction) -> Opened | None:
        return await action_tokens.look(tx, token, Action.CONFIRM_EMAIL)

    return await authority.store.read(work)


async def confirm(authority: Authority, confirmation: Confirmation) -> Ending | None:
    """Change the address, and tell the one before; ``None`` where the link is not good, or not
    good for this account.

    Raises:
        Conflict: the address is somebody's by now.
        StoreUnavailable: nothing was changed.
    """
    return await authority.store.transact(partial(_confirm, authority, confirmation))


async def _confirm(
    authority: Authority, confirmation: Confirmation, tx: Transaction
) -> Ending | None:
    session = await tx.sessions.find(confirmation.session.id)
    if session is None or not session.is_live(tx.now, authority.settings.session_idle_lifetime):
        return None
    opened = await action_tokens.look(tx, confirmation.token, Action.CONFIRM_EMAIL)
    if opened is None or opened.user.id != session.user_id:
        return None
    if await action_tokens.spend(tx, confirmation.token, Action.CONFIRM_EMAIL) is None:
        return None
    user, by = opened.user, events.by_session(session, confirmation.origin)
    if not await tx.users.change_email(user.id, user.email, opened.token.carries, tx.now):
        return None
    await events.record(tx, EventKind.EMAIL_CHANGED, by, user.id)
    await revocation.follow(tx, Cause.EMAIL_CHANGED, user.id, by)
    await tx.action_tokens.end_of(user.id)
    await _tell(authority, tx, user, confirmation.language)
    return await changed_data.tell(tx, user.id, by)


async def _tell(authority: Authority, tx: Transaction, before: User, language: str) -> None:
    """Tell the address from before, with a link that undoes it."""
    lifetime = authority.settings.email_undo_lifetime
    secret = spell(Kind.ACTION_TOKEN, tx.random(SECRET_BYTES))
    await tx.email_changes.add(
        EmailChange(
            user_id=before.id,
            digest=secret.fingerprint(),
            email=before.email,
            changed_at=await _moment(tx, before.id),
            expires_at=tx.now + lifetime,
        )
    )
    told = Letter(
        id=new_handle(tx),
        kind=LetterKind.EMAIL_WAS_CHANGED,
        to=before.email,
        language=language_for(authority.settings, before, language),
        written_at=tx.now,
        values={
            "link": f"{authority.issuer}{UNDO_PATH}?token={secret.reveal()}",
            "days": str(lifetime // _DAY),
        },
    )
    await post(tx, authority.letters, told, lifetime)


async def _moment(tx: Transaction, user_id: str) -> int:
    """Give each change of a person a second of its own, later than those before.

    Two within one second could not be told apart, and whoever undid the second would have undone
    what the owner of the account can do about the first.
    """
    before = await tx.email_changes.of_user(user_id)
    return max(tx.now, *(each.changed_at + 1 for each in before)) if before else tx.now


async def look_back(authority: Authority, token: Secret) -> Undoable | None:
    """Say what a link would undo. It spends nothing."""

    async def work(tx: Transaction) -> Undoable | None:
        return await _undoable(tx, await tx.email_changes.find(token.fingerprint(), tx.now))

    return await authority.store.read(work)


async def _undoable(tx: Transaction, change: EmailChange | None) -> Undoable | None:
    user = await tx.users.find(change.user_id) if change is not None else None
    if change is None or user is None or not user.is_enabled:
        return None
    return Undoable(change, user, tuple(await tx.passkeys.of_user(user.id)))


async def undo(authority: Authority, passwords: Passwords, undoing: Undoing) -> Ending | None:
    """Take the account back to the address from before, and end everything of it; ``None`` where
    the link is not good (any more).

    Raises:
        PasswordRefused: the new password is too short, too long, or easily guessed.
        TooBusy: too many passwords are being checked at the moment.
        Conflict: the address from before is another account's by now.
        StoreUnavailable: nothing was changed.
    """
    demand_allowed(undoing.password.reveal())
    found = await look_back(authority, undoing.token)
    if found is None:
        return None
    about = recovery.about(authority, found.change.email, found.user.name)
    hashed = await passwords.choose(undoing.password.reveal(), about)
    return await authority.store.transact(partial(_undo, authority, undoing, hashed))


async def _undo(
    authority: Authority, undoing: Undoing, hashed: str, tx: Transaction
) -> Ending | None:
    taken = await tx.email_changes.take(undoing.token.fingerprint(), tx.now)
    found = await _undoable(tx, taken)
    if found is None:
        return None
    user, email = found.user, found.change.email
    by = events.by_user(user.id, undoing.origin, events.LINK)
    if not await tx.users.change_email(user.id, user.email, email, tx.now):
        return None
    # Whoever changed it may have changed it again, and would take it back by their own links.
    await tx.email_changes.forget_since(user.id, found.change.changed_at)
    await tx.users.set_password(user.id, hashed)
    await tx.users.note_success(user.id)
    await events.record(tx, EventKind.EMAIL_RESTORED, by, user.id)
    restored = replace(user, email=email)
    await take_away(authority, tx, restored, (by, Cause.EMAIL_RESTORED))
    if undoing.drop_passkeys and recovery.may_drop_passkeys(authority.settings, user):
        await remove_passkeys(tx, user.id, by, Cause.EMAIL_RESTORED)
    ending = await revocation.follow(tx, Cause.EMAIL_RESTORED, user.id, by)
    await recovery.tell_owner(authority, tx, restored, undoing.language)
    return ending
