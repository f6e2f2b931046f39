"""Linking an account at a provider to one's own, and unlinking it: never the last way in (S112)."""

from functools import partial
from typing import Final

from msgspec import Struct

from counterfoil.oauth.errors import invalid_request
from counterfoil.server.identity.provider_sign_in import Coming, link
from counterfoil.server.identity.security_letters import tell_of_provider
from counterfoil.server.identity.upstream_tokens import keep_tokens
from counterfoil.server.identity.ways_in import has_another_way_in
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.fresh_sign_in import demand_fresh
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.letter import LetterKind
from counterfoil.server.records.linked_identity import LinkedIdentity
from counterfoil.server.records.sentence import say
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction

MOST: Final = 20
"""Accounts elsewhere that one person may link."""


class Unlinking(Struct, frozen=True):
    """Who unlinks which identity, in which session, from where."""

    session: Session
    identity_id: str
    origin: Origin


async def link_own(authority: Authority, session: Session, coming: Coming) -> None:
    """Link what somebody signed in to just now, there and here.

    Raises:
        OAuthError: ``access_denied``: the sign-in here is too old; ``invalid_request``: the account
            there is linked already, or the provider is gone.
        StoreUnavailable: nothing was linked.
    """
    try:
        await authority.store.transact(partial(_link_own, authority, session, coming))
    except Conflict:
        raise invalid_request(
            "That account is linked already: to yours, or to another one here."
        ) from None


async def _link_own(
    authority: Authority, session: Session, coming: Coming, tx: Transaction
) -> None:
    fresh = await demand_fresh(authority.settings, tx, session)
    user, provider = await tx.users.find(fresh.user_id), await tx.providers.find(coming.provider.id)
    if user is None or not user.is_enabled or provider is None or not provider.is_enabled:
        raise invalid_request("That provider is not to be had any more.")
    if len(await tx.identities.of_user(user.id)) >= MOST:
        raise invalid_request(
            say("There are {most} linked accounts already: unlink one first.", most=MOST)
        )
    identity = await link(tx, user, coming, events.by_session(fresh, coming.origin))
    await tell_of_provider(authority, tx, user, (LetterKind.IDENTITY_LINKED, provider))
    await keep_tokens(authority, tx, provider, (identity, coming.arrival.tokens))


async def unlink(authority: Authority, unlinking: Unlinking) -> LinkedIdentity:
    """Unlink an identity, and sign out where it was used to sign in, but for this browser.

    Gives what was unlinked, with the tokens that are to be given back.

    Raises:
        OAuthError: ``access_denied``: the sign-in is too old; ``invalid_request``: there is none
            such, or it is the last way in.
        StoreUnavailable: nothing was unlinked.
    """
    return await authority.store.transact(partial(_unlink, authority, unlinking))


async def _unlink(authority: Authority, unlinking: Unlinking, tx: Transaction) -> LinkedIdentity:
    fresh = await demand_fresh(authority.settings, tx, unlinking.session)
    user = await tx.users.find(fresh.user_id)
    identity = await tx.identities.find(unlinking.identity_id)
    if user is None or identity is None or identity.user_id != user.id:
        raise invalid_request("There is no such linked account.")
    if not await has_another_way_in(tx, user, without=identity.id):
        raise invalid_request(
            "You could not sign in any more. Choose a password or add a passkey first."
        )
    by = events.by_session(fresh, unlinking.origin)
    for begun in await tx.identities.sessions_of(identity.id):
        if begun.session_id != fresh.id:
            await revocation.end_session(tx, begun.session_id, by)
    await tx.identities.remove(identity.id)
    await tx.users.note_ending(user.id)  # half a sign-in by it has no row, and becomes no session
    detail = {"provider": identity.provider_id, "identity": identity.id}
    await events.record(tx, EventKind.IDENTITY_UNLINKED, by, user.id, detail)
    provider = await tx.providers.find(identity.provider_id)
    if provider is not None:
        await tell_of_provider(authority, tx, user, (LetterKind.IDENTITY_UNLINKED, provider))
    return identity
