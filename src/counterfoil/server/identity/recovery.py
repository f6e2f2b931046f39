"""Getting back in: a link to choose a new password, sent to the address of the account (S72).

Whoever asks learns nothing: to ask writes one errand for any address, and only who sends mail looks
whether there is an account, when nobody waits any more.
"""

from functools import partial
from urllib.parse import urlsplit

from msgspec import Struct

from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity.factor_change import remove_passkeys
from counterfoil.server.identity.mailed_code_choice import take_away
from counterfoil.server.identity.passwords import Passwords, demand_allowed
from counterfoil.server.identity.security_letters import language_for, tell
from counterfoil.server.identity.ways_in import clear_unproved
from counterfoil.server.mail.posting import post
from counterfoil.server.protocol import action_tokens, events, revocation
from counterfoil.server.protocol.action_tokens import Opened
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.protocol.second_factor_policy import least_of_person
from counterfoil.server.records.action_token import Action
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.letter import Letter, LetterKind
from counterfoil.server.records.passkey import Passkey
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.settings import Settings

ASK_PATH = "/forgotten-password"
LINK_PATH = "/new-password"


class Asked(Struct, frozen=True):
    """Somebody asks for a new password: for which address, in which language, from where."""

    email: str
    language: str
    origin: Origin

    def __repr__(self) -> str:
        return "Asked(…)"


class Choice(Struct, frozen=True):
    """Somebody chooses a new password by a link that was sent to them.

    ``drop_passkeys``: they have their passkeys removed with it.
    """

    token: Secret
    password: Secret
    language: str
    origin: Origin
    drop_passkeys: bool = False


async def ask(authority: Authority, asked: Asked) -> bool:
    """Note that somebody asks; the same work whether there is such an account or not.

    ``False``: too many letters wait already.

    Raises:
        StoreUnavailable: nothing was noted.
    """
    return await authority.store.transact(partial(_note, authority, asked))


async def _note(authority: Authority, asked: Asked, tx: Transaction) -> bool:
    if await tx.outbox.is_full(authority.settings.mail_most):
        return False
    errand = Letter(
        id=new_handle(tx),
        kind=LetterKind.RECOVERY_ASKED,
        to=asked.email,
        language=asked.language,
        written_at=tx.now,
        values={"address": asked.origin.address, "user_agent": asked.origin.user_agent},
    )
    await post(tx, authority.letters, errand, authority.settings.action_link_lifetime)
    return True


async def answer(authority: Authority, tx: Transaction, errand: Letter) -> Letter | None:
    """Write the letter that was asked for; ``None`` where there is nobody to write to.

    It goes to the address that the account has, whatever spelling of it was typed.
    """
    user = await tx.users.find_by_email(errand.to)
    if user is None or not user.is_enabled:
        return None
    origin = Origin(errand.values["address"], errand.values["user_agent"])
    # Whoever asks has only named the account: it is not its owner who acts.
    return await _letter(authority, tx, user, errand, Actor(events.ANYONE, origin))


async def start(authority: Authority, tx: Transaction, user: User, by: Actor) -> None:
    """Send somebody a link to choose a new password: an administrator starts it, and sees none.

    Raises:
        OAuthError: ``invalid_request``: the account is disabled, or there is no mail.
    """
    demand_mail(authority.settings)
    _demand_enabled(user)
    errand = Letter(
        id=new_handle(tx),
        kind=LetterKind.RECOVERY_ASKED,
        to=user.email,
        language=language_for(authority.settings, user),
        written_at=tx.now,
    )
    letter = await _letter(authority, tx, user, errand, by)
    await post(tx, authority.letters, letter, authority.settings.action_link_lifetime)


async def start_by_command(authority: Authority, tx: Transaction, user: User, by: Actor) -> str:
    """Start a recovery from the command line; gives the link where no mail server is set.

    Where one is, the link goes to the person alone, and this is empty. One that is given proves no
    address: whoever opens it reads no mail.

    Raises:
        OAuthError: ``invalid_request``: the account is disabled.
    """
    if authority.settings.mail_host:
        await start(authority, tx, user, by)
        return ""
    _demand_enabled(user)
    lifetime = authority.settings.action_link_lifetime
    made = partial(action_tokens.make, tx, user, Action.RESET_PASSWORD, lifetime)
    secret = await made(carries=action_tokens.HANDED_OVER)
    await events.record(tx, EventKind.RECOVERY_STARTED, by, user.id, {"link": "printed"})
    return _link(authority, secret)


def _demand_enabled(user: User) -> None:
    if not user.is_enabled:
        raise invalid_request("The account is disabled: enable it first.")


def demand_mail(settings: Settings) -> None:
    """Demand that mail is sent here.

    Raises:
        OAuthError: ``invalid_request``.
    """
    if not settings.mail_host and not settings.development:
        raise invalid_request("This server sends no mail: set mail_host.")


async def _letter(
    authority: Authority, tx: Transaction, user: User, errand: Letter, by: Actor
) -> Letter:
    lifetime = authority.settings.action_link_lifetime
    secret = await action_tokens.make(tx, user, Action.RESET_PASSWORD, lifetime)
    await events.record(tx, EventKind.RECOVERY_STARTED, by, user.id)
    return Letter(
        id=errand.id,
        kind=LetterKind.INVITED if user.password_hash is None else LetterKind.NEW_PASSWORD,
        to=user.email,
        language=language_for(authority.settings, user, errand.language),
        written_at=errand.written_at,
        values={
            "link": _link(authority, secret),
            "minutes": str(lifetime // 60),
        },
    )


def _link(authority: Authority, secret: Secret) -> str:
    # The issuer is a setting: no header of a request has a say in where a link leads.
    return f"{authority.issuer}{LINK_PATH}?token={secret.reveal()}"


def about(authority: Authority, email: str, name: str | None) -> tuple[str, ...]:
    """Say what whoever guesses a password of somebody knows without asking."""
    return email, name or "", urlsplit(authority.issuer).netloc


async def look(authority: Authority, token: Secret) -> Opened | None:
    """Say whose password a link would set. It spends nothing."""

    async def work(tx: Transaction) -> Opened | None:
        return await action_tokens.look(tx, token, Action.RESET_PASSWORD)

    return await authority.store.read(work)


async def passkeys_of(authority: Authority, user: User) -> list[Passkey]:
    """Give the passkeys that stay when the password is new: one may be a stranger's."""
    return await authority.store.read(lambda tx: tx.passkeys.of_user(user.id))


def may_drop_passkeys(settings: Settings, user: User) -> bool:
    """Whether a link in a mail removes passkeys: not where more than one factor is demanded.

    There whoever reads the mail would come in with nothing else, and set up a factor of their own.
    """
    return least_of_person(settings, user) is None


async def choose_password(
    authority: Authority, passwords: Passwords, choice: Choice
) -> Ending | None:
    """Set the new password, and end everything of the person; nobody is signed in by it.

    ``None``: the link is not good, or is not any more. A password that is refused spends nothing.

    Raises:
        PasswordRefused: the new one is too short, too long, or easily guessed.
        TooBusy: too many passwords are being checked at the moment.
        StoreUnavailable: nothing was changed.
    """
    demand_allowed(choice.password.reveal())
    opened = await look(authority, choice.token)
    if opened is None:
        return None
    known = about(authority, opened.user.email, opened.user.name)
    hashed = await passwords.choose(choice.password.reveal(), known)
    return await authority.store.transact(partial(_conclude, authority, choice, hashed))


async def _conclude(
    authority: Authority, choice: Choice, hashed: str, tx: Transaction
) -> Ending | None:
    opened = await action_tokens.spend(tx, choice.token, Action.RESET_PASSWORD)
    if opened is None:
        return None
    user, by = opened.user, events.by_user(opened.user.id, choice.origin, events.LINK)
    if opened.by_mail:
        await clear_unproved(tx, user, by)
        await tx.users.verify_email(user.id, user.email, tx.now)
    await tx.users.set_password(user.id, hashed)
    await tx.users.note_success(user.id)
    await events.record(tx, EventKind.PASSWORD_RESET, by, user.id)
    await take_away(authority, tx, user, (by, Cause.PASSWORD_RESET))
    if choice.drop_passkeys and may_drop_passkeys(authority.settings, user):
        await remove_passkeys(tx, user.id, by, Cause.PASSWORD_RESET)
    ending = await revocation.follow(tx, Cause.PASSWORD_RESET, user.id, by)
    await tell_owner(authority, tx, user, choice.language)
    return ending


async def tell_of_password(authority: Authority, tx: Transaction, user: User) -> None:
    """Have somebody told, where there is mail, that they have another password without a link."""
    link = f"{authority.issuer}{ASK_PATH}"
    await tell(authority, tx, user, LetterKind.PASSWORD_WAS_SET, link=link)


async def tell_owner(authority: Authority, tx: Transaction, user: User, language: str) -> None:
    """Tell somebody that a new password was set by a link, where there is mail."""
    if not authority.settings.mail_host and not authority.settings.development:
        return
    told = Letter(
        id=new_handle(tx),
        kind=LetterKind.PASSWORD_WAS_SET,
        to=user.email,
        language=language_for(authority.settings, user, language),
        written_at=tx.now,
        values={"link": f"{authority.issuer}{ASK_PATH}"},
    )
    await post(tx, authority.letters, told, authority.settings.mail_lifetime)
