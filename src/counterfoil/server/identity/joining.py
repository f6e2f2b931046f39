"""Getting an account: by an address that was proved, or by an invitation to one (S72).

Who registers gives an address and nothing else. Name and password are chosen by whoever opens the
link in the mail, so nobody can prepare an account in another's name. Until then there is none.
"""

from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity import recovery
from counterfoil.server.identity.mailed_code_choice import take_away
from counterfoil.server.identity.passwords import Passwords, demand_allowed
from counterfoil.server.identity.recovery import ASK_PATH, demand_mail
from counterfoil.server.identity.security_letters import language_for
from counterfoil.server.identity.session_start import Beginning, NewSession, begin_session
from counterfoil.server.identity.ways_in import clear_unproved, is_untouched
from counterfoil.server.mail.posting import post
from counterfoil.server.protocol import action_tokens, events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.profile import tidy_name
from counterfoil.server.protocol.registration import NewUser, add_user
from counterfoil.server.protocol.second_factor_policy import least_of_person
from counterfoil.server.records.action_token import Action
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.letter import Letter, LetterKind
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

LINK_PATH = "/welcome"
_DAY = 24 * 60 * 60


class Wish(Struct, frozen=True):
    """Somebody wants an account with an address. ``flow`` is the sealed request that they go on
    with afterwards, in the browser that began it."""

    email: str
    language: str
    origin: Origin
    flow: str = ""

    def __repr__(self) -> str:
        return "Wish(…)"


class Joining(Struct, frozen=True):
    """Somebody opened the link, and says what they are called and which password they chose.

    ``current`` is the session that the browser already has.
    """

    token: Secret
    name: str
    password: Secret
    origin: Origin
    current: Session | None = None


class Welcome(Struct, frozen=True):
    """What a link is good for: an account with this address, under this name so far."""

    email: str
    name: str
    flow: str
    action: Action


class Joined(Struct, frozen=True):
    """Somebody has their account; ``flow`` is what they go on with.

    They are signed in, unless more than a password is demanded of them: ``started`` is ``None``.
    """

    email: str
    started: NewSession | None
    flow: str


async def ask(authority: Authority, wish: Wish) -> bool:
    """Note that somebody wants an account; the same work whether there is one already.

    ``False``: too many letters wait already.

    Raises:
        StoreUnavailable: nothing was noted.
    """
    return await authority.store.transact(partial(_note, authority, wish))


async def _note(authority: Authority, wish: Wish, tx: Transaction) -> bool:
    if await tx.outbox.is_full(authority.settings.mail_most):
        return False
    errand = Letter(
        id=new_handle(tx),
        kind=LetterKind.REGISTRATION_ASKED,
        to=wish.email,
        language=wish.language,
        written_at=tx.now,
        values={"flow": wish.flow},
    )
    await post(tx, authority.letters, errand, authority.settings.action_link_lifetime)
    return True


async def answer(authority: Authority, tx: Transaction, errand: Letter) -> Letter | None:
    """Write the letter that was asked for: a link; or, where there is an account, that there is.

    The latter goes to the address that the account has, whatever spelling of it was typed.
    """
    settings = authority.settings
    if settings.registration != "open":
        return None
    known = await tx.users.find_by_email(errand.to)
    if known is not None:
        return taken(authority, known, errand)
    # The account as it would be; it is not kept before the address is proved.
    coming = User(id=new_handle(tx), email=errand.to, created_at=tx.now)
    lifetime, carries = settings.action_link_lifetime, errand.values["flow"]
    secret = await action_tokens.make(tx, coming, Action.REGISTER, lifetime, carries)
    values = {"link": _link(authority, secret), "minutes": str(lifetime // 60)}
    return replace(errand, kind=LetterKind.REGISTRATION, values=values)


def taken(authority: Authority, owner: User, errand: Letter) -> Letter | None:
    """Tell somebody that their address was typed elsewhere; ``None``: they are disabled."""
    if not owner.is_enabled:
        return None
    values = {"link": f"{authority.issuer}{ASK_PATH}"}
    language = language_for(authority.settings, owner, errand.language)
    letter = replace(errand, kind=LetterKind.ALREADY_REGISTERED, to=owner.email, values=values)
    return replace(letter, language=language)


async def invite(authority: Authority, tx: Transaction, user: User, by: Actor) -> None:
    """Send somebody who was added a link by which they make the account theirs.

    Raises:
        OAuthError: ``invalid_request``: there is no mail, or this account needs no invitation.
    """
    settings = authority.settings
    demand_mail(settings)
    _demand_new(user, in_use=user.password_hash is not None)
    lifetime = settings.invitation_lifetime
    secret = await action_tokens.make(tx, user, Action.ACCEPT_INVITATION, lifetime)
    letter = Letter(
        id=new_handle(tx),
        kind=LetterKind.INVITATION,
        to=user.email,
        language=language_for(settings, user),
        written_at=tx.now,
        values={"link": _link(authority, secret), "days": str(lifetime // _DAY or 1)},
    )
    await post(tx, authority.letters, letter, lifetime)
    await events.record(tx, EventKind.USER_INVITED, by, user.id)


async def invite_by_command(authority: Authority, tx: Transaction, user: User, by: Actor) -> str:
    """Invite somebody from the command line; gives the link where no mail server is set.

    Where one is, the link goes to the person alone, and this is empty.

    Raises:
        OAuthError: ``invalid_request``: this account needs no invitation.
    """
    if authority.settings.mail_host:
        await invite(authority, tx, user, by)
        return ""
    _demand_new(user, in_use=not await is_untouched(tx, user))
    lifetime, carries = authority.settings.invitation_lifetime, action_tokens.HANDED_OVER
    secret = await action_tokens.make(tx, user, Action.ACCEPT_INVITATION, lifetime, carries)
    await events.record(tx, EventKind.USER_INVITED, by, user.id, {"link": "printed"})
    return _link(authority, secret)


def _demand_new(user: User, *, in_use: bool) -> None:
    if not user.is_enabled:
        raise invalid_request("The account is disabled: enable it first.")
    if in_use:
        raise invalid_request("The account is in use already: start a recovery instead.")


def _link(authority: Authority, secret: Secret) -> str:
    # The issuer is a setting: no header of a request has a say in where a link leads.
    return f"{authority.issuer}{LINK_PATH}?token={secret.reveal()}"


async def look(authority: Authority, token: Secret) -> Welcome | None:
    """Say what a link is good for. It spends nothing."""

    async def work(tx: Transaction) -> Welcome | None:
        invited = await action_tokens.look(tx, token, Action.ACCEPT_INVITATION)
        if invited is not None and invited.user.password_hash is None:
            user = invited.user
            return Welcome(user.email, user.name or "", "", Action.ACCEPT_INVITATION)
        if authority.settings.registration != "open":
            return None
        found = await tx.action_tokens.find(token.fingerprint(), Action.REGISTER, tx.now)
        return Welcome(found.email, "", found.carries, Action.REGISTER) if found else None

    return await authority.store.read(work)


async def join(authority: Authority, passwords: Passwords, joining: Joining) -> Joined | None:
    """Make the account theirs and sign them in; ``None`` where the link is not good (any more).

    Raises:
        PasswordRefused: the password is too short, too long, or easily guessed.
        TooBusy: too many passwords are being checked at the moment.
        OAuthError: ``invalid_request``: the name cannot be shown.
        Conflict: meanwhile there is an account with this address.
        StoreUnavailable: nothing was changed.
    """
    demand_allowed(joining.password.reveal())
    name = tidy_name(joining.name)
    if name is None:
        raise invalid_request("An account needs a name.")
    joining = replace(joining, name=name)
    welcome = await look(authority, joining.token)
    if welcome is None:
        return None
    about = recovery.about(authority, welcome.email, joining.name)
    hashed = await passwords.choose(joining.password.reveal(), about)
    step = _register if welcome.action is Action.REGISTER else _accept
    return await authority.store.transact(partial(step, authority, joining, hashed))


async def _register(
    authority: Authority, joining: Joining, hashed: str, tx: Transaction
) -> Joined | None:
    digest = joining.token.fingerprint()
    token = await tx.action_tokens.take(digest, Action.REGISTER, tx.now)
    if token is None:
        return None
    new = NewUser(token.email, hashed, joining.name, email_verified=True, id=token.user_id)
    user = await add_user(tx, new, events.by_user(token.user_id, joining.origin, events.LINK))
    return await _begun(authority, tx, user, joining, token.carries)


async def _accept(
    authority: Authority, joining: Joining, hashed: str, tx: Transaction
) -> Joined | None:
    user = await _taken_up(authority, joining, hashed, tx)
    return await _begun(authority, tx, user, joining) if user is not None else None


async def _taken_up(
    authority: Authority, joining: Joining, hashed: str, tx: Transaction
) -> User | None:
    opened = await action_tokens.spend(tx, joining.token, Action.ACCEPT_INVITATION)
    if opened is None:
        return None
    user = opened.user
    # Who was handed a link shows nothing else: the account of somebody who came is not theirs.
    if not (opened.by_mail or await is_untouched(tx, user)):
        return None
    if not await tx.users.welcome(user.id, joining.name or None, hashed):
        return None
    by = events.by_user(user.id, joining.origin, events.LINK)
    if not user.email_verified:
        # Whoever came by what is cleared below may be in still, and go on by it.
        await revocation.follow(tx, Cause.PASSWORD_RESET, user.id, by)
    if opened.by_mail:
        await clear_unproved(tx, user, by)
        await take_away(authority, tx, user, (by, Cause.PASSWORD_RESET))
        await tx.users.verify_email(user.id, user.email, tx.now)
    await tx.action_tokens.end_of(user.id)
    return user


async def _begun(
    authority: Authority, tx: Transaction, user: User, joining: Joining, flow: str = ""
) -> Joined:
    await _note_joined(tx, user, joining)
    # Who came by a provider may have an app already: a mail is not enough where that is asked for.
    has_app = (await tx.second_factors.of_user(user.id)).is_on
    if has_app or least_of_person(authority.settings, user) is not None:
        return Joined(user.email, None, flow)  # they sign in, and show or set a second factor up
    beginning = Beginning(joining.origin, joining.current, proof=events.LINK)
    return Joined(user.email, await begin_session(authority, tx, user, beginning), flow)


async def claim(authority: Authority, passwords: Passwords, joining: Joining) -> str | None:
    """Take an invitation up without a browser: nobody is signed in. Gives the address.

    A name that is empty leaves the account the one that it has. ``None``: the link is not good.

    Raises:
        PasswordRefused: the password is too short, too long, or easily guessed.
        OAuthError: ``invalid_request``: the name cannot be shown.
        StoreUnavailable: nothing was changed.
    """
    demand_allowed(joining.password.reveal())
    name = tidy_name(joining.name)
    welcome = await look(authority, joining.token)
    if welcome is None or welcome.action is not Action.ACCEPT_INVITATION:
        return None
    joining = replace(joining, name=name or welcome.name)
    about = recovery.about(authority, welcome.email, joining.name)
    hashed = await passwords.choose(joining.password.reveal(), about)
    return await authority.store.transact(partial(_claimed, authority, joining, hashed))


async def _claimed(
    authority: Authority, joining: Joining, hashed: str, tx: Transaction
) -> str | None:
    user = await _taken_up(authority, joining, hashed, tx)
    if user is None:
        return None
    await _note_joined(tx, user, joining)
    return user.email


async def _note_joined(tx: Transaction, user: User, joining: Joining) -> None:
    by = events.by_user(user.id, joining.origin, events.LINK)
    await events.record(tx, EventKind.USER_JOINED, by, user.id)
