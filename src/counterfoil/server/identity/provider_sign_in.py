"""Signing in by a provider: whom it names comes in; whom it does not know here may join (S112).

Nobody is found by an address unless the provider is trusted for it, and then only where the address
was proved here: an account that somebody else prepared is taken over by nobody.
"""

from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.acr import FEDERATED, SEVERAL_FACTORS
from counterfoil.oauth.errors import OAuthError
from counterfoil.server.identity import half_sign_in, known_browser
from counterfoil.server.identity.half_sign_in import HalfSignIn, Via
from counterfoil.server.identity.known_browser import NOWHERE, KnownBrowser
from counterfoil.server.identity.more_due import more_due
from counterfoil.server.identity.security_letters import tell_of_provider
from counterfoil.server.identity.session_start import Beginning, NewSession, begin_session
from counterfoil.server.identity.upstream_tokens import keep_tokens
from counterfoil.server.identity.ways_in import is_untouched
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.noticing import noting
from counterfoil.server.protocol.profile import tidy_name
from counterfoil.server.protocol.registration import NewUser, add_user
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.letter import LetterKind
from counterfoil.server.records.linked_identity import LinkedIdentity
from counterfoil.server.records.provider import Provider
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.upstream.arrival import Arrival


class Coming(Struct, frozen=True, kw_only=True):
    """Somebody has come from a provider. ``current`` is the session that the browser already has.

    ``anew``: they had to sign in there for this. ``silent``: they were not asked. ``known`` says in
    which accounts the browser has signed in before.
    """

    provider: Provider
    arrival: Arrival
    origin: Origin
    current: Session | None = None
    anew: bool = False
    silent: bool = False
    known: KnownBrowser = NOWHERE

    @property
    def proof(self) -> str:
        """By what they are known, as events say it."""
        return f"provider:{self.provider.id}"

    @property
    def amr(self) -> tuple[str, ...]:
        """What was shown, as far as this provider is believed (RFC 8176)."""
        several = not self.arrival.words.isdisjoint(self.provider.policy.mfa_words.split())
        return (FEDERATED, SEVERAL_FACTORS) if several else (FEDERATED,)

    def auth_time(self, now: int, fresh_age: int) -> int:
        """Say when they signed in: as the provider dates it, and never later than that.

        Who was not asked by a provider that gives no date did not sign in just now.
        """
        if self.provider.policy.dates_sign_ins and not self.anew:
            return min(now, self.arrival.auth_time or 0)
        return now - fresh_age if self.silent else now


async def come_in(authority: Authority, coming: Coming) -> NewSession | HalfSignIn | None:
    """Sign somebody in, or give ``None``: nobody here is linked to them, and nobody can be.

    Where a second factor is due, half a sign-in is given, as after a password.

    Raises:
        StoreUnavailable: nothing was stored.
    """
    return await authority.store.transact(partial(_come_in, authority, coming))


async def _come_in(
    authority: Authority, coming: Coming, tx: Transaction
) -> NewSession | HalfSignIn | None:
    provider, arrival = await tx.providers.find(coming.provider.id), coming.arrival
    if provider is None or not provider.is_enabled:
        return None
    names = (provider.id, arrival.issuer, arrival.subject)
    identity = await tx.identities.find_by_subject(*names)
    if identity is None:
        identity = await _joined(authority, coming, tx)
    user = await tx.users.find(identity.user_id) if identity is not None else None
    if identity is None or user is None or not user.is_enabled:
        return None
    await tx.identities.use(identity.id, arrival.label, tx.now)
    await keep_tokens(authority, tx, provider, (identity, arrival.tokens))
    return await _begin(authority, tx, user, (coming, identity))


async def _begin(
    authority: Authority, tx: Transaction, user: User, came: tuple[Coming, LinkedIdentity]
) -> NewSession | HalfSignIn:
    coming, identity = came
    settings, via = authority.settings, Via(identity.id, coming.arrival.sid)
    auth_time = coming.auth_time(tx.now, settings.fresh_sign_in_age)
    known = known_browser.is_known(coming.known, coming.current, user, tx.now)
    arrival = noting.Arrival(user, coming.origin, known, coming.proof)
    due = await more_due(authority, tx, arrival, coming.amr)
    if due.more:
        half = half_sign_in.begin(tx, user, keep=False)
        shown = replace(half, amr=coming.amr, auth_time=auth_time, via=via, proof=coming.proof)
        return replace(shown, browser_known=known, held=due.held)
    beginning = Beginning(
        coming.origin,
        coming.current,
        amr=coming.amr,
        proof=coming.proof,
        auth_time=auth_time,
        via=via,
        browser_known=known,
    )
    return await begin_session(authority, tx, user, beginning)


async def _joined(authority: Authority, coming: Coming, tx: Transaction) -> LinkedIdentity | None:
    """Link somebody whom we did not know by this provider, where that is safe."""
    email = coming.arrival.email
    if email is None or not coming.arrival.email_verified:
        return None
    known = await tx.users.find_by_email(email)
    if known is None:
        user = await _new(authority, coming, tx)
    else:
        user = known if await _is_theirs(authority, tx, coming, known) else None
    if user is None:
        return None
    by = events.by_user(user.id, coming.origin, coming.proof)
    if known is not None and not known.email_verified:
        # They were invited to this very address, and have come by another way than the mail.
        await tx.users.verify_email(user.id, user.email, tx.now)
        await tx.action_tokens.end_of(user.id)
        await events.record(tx, EventKind.USER_JOINED, by, user.id)
    elif known is not None:
        await tell_of_provider(authority, tx, user, (LetterKind.IDENTITY_LINKED, coming.provider))
    return await link(tx, user, coming, by)


async def _is_theirs(authority: Authority, tx: Transaction, coming: Coming, known: User) -> bool:
    """Whether an account is that of whom a trusted provider calls the reader of its address.

    It must have been proved here that it is, or nobody have used the account yet: an address that
    somebody else has only typed, or another provider has only said, would be a trap for its owner.
    """
    email = coming.arrival.email or ""
    # Accounts are found by what folds to the same: "straße" is another mailbox than "strasse".
    is_same = email.lower() == known.email.lower()
    if not coming.provider.policy.trusts_email or not is_same or not known.is_enabled:
        return False
    if known.email_verified:
        return True
    return authority.settings.registration != "closed" and await is_untouched(tx, known)


async def _new(authority: Authority, coming: Coming, tx: Transaction) -> User | None:
    if authority.settings.registration != "open":
        return None
    arrival, user_id = coming.arrival, new_handle(tx)
    new = NewUser(
        arrival.email or "",
        None,
        _name_in(arrival.name),
        email_verified=coming.provider.policy.trusts_email,
        id=user_id,
    )
    by = events.by_user(user_id, coming.origin, coming.proof)
    try:
        user = await add_user(tx, new, by)
    except OAuthError:
        return None  # what they call an address is none
    await events.record(tx, EventKind.USER_JOINED, by, user.id)
    return user


def _name_in(unverified: str) -> str | None:
    try:
        return tidy_name(unverified)
    except OAuthError:
        return None


async def link(tx: Transaction, user: User, coming: Coming, by: events.Actor) -> LinkedIdentity:
    """Let somebody come in by this provider from now on.

    Raises:
        Conflict: whom the provider names is somebody here already.
    """
    arrival = coming.arrival
    identity = LinkedIdentity(
        id=new_handle(tx),
        provider_id=coming.provider.id,
        issuer=arrival.issuer,
        subject=arrival.subject,
        user_id=user.id,
        label=arrival.label,
        linked_at=tx.now,
        last_used_at=tx.now,
    )
    await tx.identities.add(identity)
    detail = {"provider": coming.provider.id, "identity": identity.id}
    await events.record(tx, EventKind.IDENTITY_LINKED, by, user.id, detail)
    return identity
