"""Every way of ending: one function each, with its one event and its notices, in one transaction.

Ending a session, a grant or everything of a user is ending each of its few families (RFC 7009).
What has ended already ends no second time: no event, no notice.
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.feed import Position
from counterfoil.oauth.personal_token import NOTICE_SECONDS
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.protocol import backchannel_logout, events, what_hangs
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause, Extent
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.identifiers import family_in
from counterfoil.server.protocol.what_hangs import Hanging
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import SKEW, Family
from counterfoil.server.records.personal_token import TokenEnd
from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.session import Session
from counterfoil.server.records.signing_key import LONGEST_LIFETIME
from counterfoil.server.records.store import Transaction


class Ending(Struct, frozen=True):
    """What an ending did: how many families and sessions ended, and the feed's position then.

    ``ended``: whether anything was left to end. The position is the receipt: a guard that has
    read so far refuses what has ended.
    """

    families: int
    sessions: int
    position: Position
    ended: bool = True
    personal_tokens: int = 0
    remembered: int = 0


async def nothing_ended(tx: Transaction) -> Ending:
    """Say that nothing was left to end, as of now."""
    position, _ = await tx.notices.head()
    return Ending(0, 0, position, ended=False)


async def end_token(
    tx: Transaction, handle: str, expires_at: int | None, by: Actor, why: str = ""
) -> Ending:
    """End one access token by its ``jti``; its siblings stand (S45, S48)."""
    if await tx.personal_tokens.find_by_id(handle) is not None:
        return await end_personal_token(tx, handle, TokenEnd(tx.now, why or "ended"), by)
    expired = expires_at is not None and tx.now >= expires_at
    if expired or await tx.notices.names_token(handle):
        return await nothing_ended(tx)
    until = await longest_end(tx) if expires_at is None else expires_at + SKEW
    family = await tx.families.find(family_in(handle))
    detail = {"user_id": family.user_id} if family else {}
    detail |= {"why": why} if why else {}
    await events.record(tx, EventKind.TOKEN_ENDED, by, handle, detail)
    position = await tx.notices.append([Notice(Ended.TOKEN, handle, until)])
    return Ending(0, 0, position)


async def end_personal_token(tx: Transaction, token_id: str, end: TokenEnd, by: Actor) -> Ending:
    """End a token that a person has made by hand (S11).

    Its row says so for long; the notice stands for as long as a guard may go by an older answer.
    """
    token = await tx.personal_tokens.find_by_id(token_id)
    if token is None or not token.is_live(tx.now):
        return await nothing_ended(tx)
    if not await tx.personal_tokens.end(token.id, end):
        return await nothing_ended(tx)
    detail = {"why": end.why, "user_id": token.user_id, "audience": token.audience}
    detail |= {"found_at": end.found_at} if end.found_at else {}
    await events.record(tx, EventKind.PERSONAL_TOKEN_ENDED, by, token.id, detail)
    until = min(token.expires_at, tx.now + NOTICE_SECONDS) + SKEW
    position = await tx.notices.append([Notice(Ended.TOKEN, token.id, until)])
    return Ending(0, 0, position, personal_tokens=1)


async def end_family(tx: Transaction, family_id: str, why: str, by: Actor) -> Ending:
    """End what hangs under one authorization, and nothing beside it."""
    return await _end(tx, await what_hangs.of_family(tx, family_id), why, by)


async def end_session(tx: Transaction, session_id: str, by: Actor) -> Ending:
    """End a signed-in browser with its online families; offline ones stand (S05, S39).

    It is remembered no more (S24).
    """
    return await _end(tx, await what_hangs.of_session(tx, session_id), "session_ended", by)


async def end_remembered(
    tx: Transaction, remembered: RememberedBrowser, why: str, by: Actor
) -> Ending:
    """Forget a browser, and end every session that it has, with what goes on in it (S24)."""
    return await _end(tx, await what_hangs.of_remembered(tx, remembered), why, by)


async def forget_browser(
    tx: Transaction, remembered: RememberedBrowser, why: str, by: Actor
) -> bool:
    """Forget what a browser is remembered by, and leave its session; ``False``: it was, already."""
    if not await tx.remembered_browsers.end(remembered.id):
        return False
    detail = {"why": why, "remembered": remembered.id}
    await events.record(tx, EventKind.BROWSER_FORGOTTEN, by, remembered.user_id, detail)
    return True


async def sign_out_of_app(tx: Transaction, grant_id: str, by: Actor) -> Ending:
    """End all of a grant's families and keep the permission (S44)."""
    await tx.authorizations.burn_of_grant(grant_id)
    hanging = await what_hangs.of_grant(tx, grant_id)
    if hanging.families:
        detail = _counted(hanging) | await _whose(tx, grant_id)
        await events.record(tx, EventKind.APP_SIGNED_OUT, by, grant_id, detail)
    elif not any(each.session_ids for each in hanging.told):
        hanging = replace(hanging, told=[])  # it was signed out of before
    return await _end(tx, hanging, "signed_out", by)


async def end_grant(tx: Transaction, grant_id: str, by: Actor) -> Ending:
    """Take a permission back, with every token that rests on it (S03, S46)."""
    hanging = await what_hangs.of_grant(tx, grant_id)
    taken_back = await tx.grants.end(grant_id, tx.now)
    if taken_back:
        detail = _counted(hanging) | await _whose(tx, grant_id)
        await events.record(tx, EventKind.GRANT_ENDED, by, grant_id, detail)
    else:
        hanging = replace(hanging, told=[])
    ending = await _end(tx, hanging, "grant_ended", by)
    return Ending(ending.families, 0, ending.position, ended=taken_back or ending.ended)


async def withdraw_right(tx: Transaction, right_id: str, by: Actor) -> Ending:
    """Take a right to mint from a client, with every token that was made by it (S58)."""
    right = await tx.mint_rights.find(right_id)
    if right is None or not await tx.mint_rights.withdraw(right_id, tx.now):
        return await nothing_ended(tx)
    hanging = await what_hangs.of_right(tx, right_id)
    detail = {"id": right_id, "families": str(len(hanging.families))}
    await events.record(tx, EventKind.MINT_RIGHT_WITHDRAWN, by, right.client_id, detail)
    ending = await _end(tx, hanging, "right_withdrawn", by)
    return Ending(ending.families, 0, ending.position)


async def sign_out_user(tx: Transaction, user_id: str, by: Actor) -> Ending:
    """End everything of a person; the account and the permissions stay (S47)."""
    await _end_what_was_begun(tx, user_id)
    hanging = await what_hangs.of_user(tx, user_id)
    if hanging:
        await events.record(tx, EventKind.USER_SIGNED_OUT, by, user_id, _counted(hanging))
    return await _end(tx, hanging, "user_signed_out", by)


async def end_elsewhere(tx: Transaction, session: Session, by: Actor) -> Ending:
    """End what a person is signed in with, but one session and what goes on in it (S05).

    Permissions stay, and so do tokens that were made by hand: they belong to no device.
    """
    await tx.users.note_ending(session.user_id)
    hanging = await what_hangs.of_user(tx, session.user_id, session.id)
    elsewhere = replace(hanging, personal_tokens=[])
    return await _end(tx, elsewhere, "signed_out_elsewhere", by)


async def follow(
    tx: Transaction, cause: Cause, subject: str, by: Actor, spared: str | None = None
) -> Ending:
    """End what must end when something else has changed, by the table of consequences (S38).

    ``subject`` is the person or the client; ``spared`` the session from which it was done. The
    event is that of the cause.
    """
    match CONSEQUENCES[cause].extent:
        case Extent.EVERYTHING_OF_THE_PERSON:
            return await end_everything_of(tx, subject, cause.value, by)
        case Extent.ALL_BUT_THIS_BROWSER:
            return await end_everything_of(tx, subject, cause.value, by, spared)
        case Extent.ALL_BUT_THIS_SESSION:
            return await _end_all_but_session(tx, subject, cause.value, by, spared)
        case Extent.EVERYTHING_OF_THE_CLIENT:
            return await end_tokens_of_client(tx, subject, cause.value)
        case Extent.NOTHING:
            return await nothing_ended(tx)


async def end_everything_of(
    tx: Transaction, user_id: str, why: str, by: Actor, spared: str | None = None
) -> Ending:
    """End all of a person but what goes on in the session ``spared``; the permissions stay.

    Links that were mailed to them end too (S72): what they speak of is no more. No browser is
    remembered, that of the session neither: a copy of its cookie may be about.
    """
    await _end_what_was_begun(tx, user_id)
    hanging = await what_hangs.of_user(tx, user_id, spared)
    remembered = await tx.remembered_browsers.of_user(user_id)
    return await _end(tx, replace(hanging, remembered=remembered), why, by)


async def _end_what_was_begun(tx: Transaction, user_id: str) -> None:
    """End links that were sent, and half sign-ins, of which none has a row."""
    await tx.action_tokens.end_of(user_id)
    await tx.users.note_ending(user_id)


async def _end_all_but_session(
    tx: Transaction, user_id: str, why: str, by: Actor, spared: str | None
) -> Ending:
    """End all of a person but one session itself: what apps do in it ends, codes of it too."""
    await _end_what_was_begun(tx, user_id)
    if spared is not None:
        await tx.authorizations.burn_of_session(spared)
    hanging = await what_hangs.of_user(tx, user_id)
    others = [session for session in hanging.sessions if session.id != spared]
    return await _end(tx, replace(hanging, sessions=others), why, by)


async def disable_user(tx: Transaction, user_id: str, by: Actor) -> Ending:
    """Disable an account and end everything of it."""
    if await tx.users.disable(user_id, tx.now):
        await events.record(tx, EventKind.USER_DISABLED, by, user_id)
    return await follow(tx, Cause.USER_DISABLED, user_id, by)


async def disable_client(tx: Transaction, client_id: str, by: Actor) -> Ending:
    """Disable a client and end every token that it holds, whoever stands behind it."""
    if not await tx.clients.disable(client_id, tx.now):
        return await nothing_ended(tx)
    await events.record(tx, EventKind.CLIENT_DISABLED, by, client_id)
    return await follow(tx, Cause.CLIENT_DISABLED, client_id, by)


async def end_everything_of_client(tx: Transaction, client_id: str, by: Actor) -> Ending:
    """End every token of a client, whoever stands behind it; the client and permissions stay."""
    client = await tx.clients.find(client_id)
    if client is None or not client.is_enabled:
        # Nothing can have been issued since it was disabled.
        return await nothing_ended(tx)
    ending = await end_tokens_of_client(tx, client_id, "client_tokens_ended")
    detail = {"families": str(ending.families)}
    await events.record(tx, EventKind.CLIENT_TOKENS_ENDED, by, client_id, detail)
    return ending


async def end_tokens_of_client(tx: Transaction, client_id: str, why: str) -> Ending:
    """Draw a client's next generation: all its tokens of earlier ones are dead, by one notice.

    Its families, which may be many, end in one statement and have no line of their own. The event
    is that of the cause.
    """
    await tx.authorizations.burn_of_client(client_id)
    families = await tx.families.end_of_client(client_id, tx.now, why)
    generation = await tx.clients.next_generation(client_id)
    notice = Notice(Ended.CLIENT, client_id, await longest_end(tx), generation)
    return Ending(families, 0, await tx.notices.append([notice]))


async def end_tokens_of_api(tx: Transaction, uri: str, by: Actor) -> Ending:
    """Draw an API's next generation: all tokens for it that were issued until now are dead.

    Those that people made by hand, which may be many, end in one statement and have no line of
    their own.
    """
    await tx.personal_tokens.end_of_api(uri, TokenEnd(tx.now, "api_tokens_ended"))
    generation = await tx.apis.next_generation(uri)
    await events.record(tx, EventKind.API_TOKENS_ENDED, by, uri, {"generation": str(generation)})
    notice = Notice(Ended.API, uri, await longest_end(tx), generation)
    return Ending(0, 0, await tx.notices.append([notice]))


async def _end(tx: Transaction, hanging: Hanging, why: str, by: Actor) -> Ending:
    """End sessions, families and personal tokens, each with its own line in the log.

    Clients that took part are told (OpenID Connect Back-Channel Logout).
    """
    await backchannel_logout.tell(tx, hanging.told)
    sessions = 0
    for session in hanging.sessions:
        await tx.authorizations.burn_of_session(session.id)
        if await tx.sessions.end(session.id, tx.now):
            sessions += 1
            detail = {"why": why, "user_id": session.user_id}
            await events.record(tx, EventKind.SESSION_ENDED, by, session.id, detail)
    ending = await _end_families(tx, hanging.families, why, by)
    position, personal = ending.position, 0
    for token in hanging.personal_tokens:
        one = await end_personal_token(tx, token.id, TokenEnd(tx.now, why), by)
        position, personal = one.position, personal + one.personal_tokens
    forgotten = [each for each in hanging.remembered if await forget_browser(tx, each, why, by)]
    is_ended = bool(sessions or personal or forgotten or ending.ended)
    return Ending(ending.families, sessions, position, is_ended, personal, len(forgotten))


async def _end_families(tx: Transaction, families: Iterable[Family], why: str, by: Actor) -> Ending:
    notices = list[Notice]()
    for family in families:
        if await tx.families.end(family.id, tx.now, why):
            detail = {"why": why, "client_id": family.client_id, "user_id": family.user_id}
            await events.record(tx, EventKind.FAMILY_ENDED, by, family.id, detail)
            notices.append(Notice(Ended.FAMILY, family.id, family.access_expires_at + SKEW))
    position = await tx.notices.append(notices) if notices else (await tx.notices.head())[0]
    return Ending(len(notices), 0, position, ended=bool(notices))


async def _whose(tx: Transaction, grant_id: str) -> dict[str, str]:
    """Name whose permission it is or was: the log finds, and erases, a person's lines by this."""
    grant = await tx.grants.find(grant_id)
    return {"client_id": grant.client_id, "user_id": grant.user_id} if grant else {}


def _counted(hanging: Hanging) -> dict[str, str]:
    counts = {"sessions": len(hanging.sessions), "families": len(hanging.families)}
    if hanging.personal_tokens:
        counts["personal_tokens"] = len(hanging.personal_tokens)
    if hanging.remembered:
        counts["remembered_browsers"] = len(hanging.remembered)
    return {name: str(count) for name, count in counts.items()}


async def longest_end(tx: Transaction) -> int:
    """When the last token that was ever issued until now must have expired."""
    return tx.now + await tx.sealed.raise_to(LONGEST_LIFETIME, 0) + SKEW
