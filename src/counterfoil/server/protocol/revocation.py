"""Every way of ending: one function each, with its event and its notices, in one transaction.

Ending a session, a grant or everything of a user is ending each of its few families (RFC 7009).
"""

from collections.abc import Iterable

from msgspec import Struct

from counterfoil.oauth.feed import Position
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.protocol import events
from counterfoil.server.protocol.events import Actor
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import SKEW, Family
from counterfoil.server.records.signing_key import LONGEST_LIFETIME
from counterfoil.server.records.store import Transaction


class Ending(Struct, frozen=True):
    """What an ending did: how many families and sessions ended, and the feed's position then."""

    families: int
    sessions: int
    position: Position


async def end_token(tx: Transaction, handle: str, expires_at: int | None, by: Actor) -> Ending:
    """End one access token by its ``jti``; its siblings stand (S45, S48)."""
    until = await longest_end(tx) if expires_at is None else expires_at + SKEW
    await events.record(tx, EventKind.TOKEN_ENDED, by, handle)
    position = await tx.notices.append([Notice(Ended.TOKEN, handle, until)])
    return Ending(0, 0, position)


async def end_family(tx: Transaction, family_id: str, why: str, by: Actor) -> Ending:
    """End what hangs under one authorization, and nothing beside it."""
    family = await tx.families.find(family_id)
    return await _end_families(tx, [family] if family else [], why, by)


async def end_session(tx: Transaction, session_id: str, by: Actor) -> Ending:
    """End a signed-in browser with its online families; offline ones stand (S05, S39)."""
    return await _end_sessions(tx, [session_id], by)


async def sign_out_of_app(tx: Transaction, grant_id: str, by: Actor) -> Ending:
    """End all of a grant's families and keep the permission (S44)."""
    await tx.authorizations.burn_of_grant(grant_id)
    return await _end_families(tx, await tx.families.live_of_grant(grant_id), "signed_out", by)


async def end_grant(tx: Transaction, grant_id: str, by: Actor) -> Ending:
    """Take a permission back, with every token that rests on it (S03, S46)."""
    if await tx.grants.end(grant_id, tx.now):
        await events.record(tx, EventKind.GRANT_ENDED, by, grant_id)
    return await _end_families(tx, await tx.families.live_of_grant(grant_id), "grant_ended", by)


async def end_everything_of(tx: Transaction, user_id: str, why: str, by: Actor) -> Ending:
    """End all sessions and families of a person; the permissions stay."""
    sessions = [session.id for session in await tx.sessions.of_user(user_id)]
    first = await _end_sessions(tx, sessions, by)
    rest = await _end_families(tx, await tx.families.live_of_user(user_id), why, by)
    return Ending(first.families + rest.families, first.sessions, rest.position)


async def disable_user(tx: Transaction, user_id: str, by: Actor) -> Ending:
    """Disable an account and end everything of it."""
    if await tx.users.disable(user_id, tx.now):
        await events.record(tx, EventKind.USER_DISABLED, by, user_id)
    return await end_everything_of(tx, user_id, "user_disabled", by)


async def disable_client(tx: Transaction, client_id: str, by: Actor) -> Ending:
    """Disable a client and end every token that it holds, whoever stands behind it."""
    if await tx.clients.disable(client_id, tx.now):
        await events.record(tx, EventKind.CLIENT_DISABLED, by, client_id)
    families = await tx.families.live_of_client(client_id)
    ending = await _end_families(tx, families, "client_disabled", by)
    return Ending(ending.families, 0, (await end_tokens_of_client(tx, client_id)).position)


async def end_tokens_of_client(tx: Transaction, client_id: str) -> Ending:
    """Draw a client's next generation: all its access tokens of earlier ones are dead."""
    generation = await tx.clients.next_generation(client_id)
    notice = Notice(Ended.CLIENT, client_id, await longest_end(tx), generation)
    return Ending(0, 0, await tx.notices.append([notice]))


async def _end_sessions(tx: Transaction, session_ids: Iterable[str], by: Actor) -> Ending:
    ended, families = 0, list[Family]()
    for session_id in session_ids:
        families += await tx.families.live_of_session(session_id)
        await tx.authorizations.burn_of_session(session_id)
        if await tx.sessions.end(session_id, tx.now):
            ended += 1
            await events.record(tx, EventKind.SESSION_ENDED, by, session_id)
    ending = await _end_families(tx, families, "session_ended", by)
    return Ending(ending.families, ended, ending.position)


async def _end_families(tx: Transaction, families: Iterable[Family], why: str, by: Actor) -> Ending:
    notices = list[Notice]()
    for family in families:
        if await tx.families.end(family.id, tx.now, why):
            detail = {"why": why, "client_id": family.client_id, "user_id": family.user_id}
            await events.record(tx, EventKind.FAMILY_ENDED, by, family.id, detail)
            notices.append(Notice(Ended.FAMILY, family.id, family.access_expires_at + SKEW))
    position = await tx.notices.append(notices) if notices else (await tx.notices.head())[0]
    return Ending(len(notices), 0, position)


async def longest_end(tx: Transaction) -> int:
    """When the last token that was ever issued until now must have expired."""
    return tx.now + await tx.sealed.raise_to(LONGEST_LIFETIME, 0) + SKEW
