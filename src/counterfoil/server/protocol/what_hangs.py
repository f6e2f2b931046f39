"""What hangs under a session, a grant or a person: read once, to be foreseen and to be ended."""

from msgspec import Struct

from counterfoil.server.protocol import backchannel_logout
from counterfoil.server.protocol.backchannel_logout import Telling
from counterfoil.server.records.family import SKEW, Family
from counterfoil.server.records.personal_token import PersonalToken
from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.session import Session
from counterfoil.server.records.store import Transaction


class Hanging(Struct, frozen=True):
    """What ends together. One that has ended already is not among them.

    ``told``: the clients that are told of it.
    """

    sessions: list[Session]
    families: list[Family]
    personal_tokens: list[PersonalToken] = []
    told: list[Telling] = []
    remembered: list[RememberedBrowser] = []

    def __bool__(self) -> bool:
        tokens = self.families or self.personal_tokens
        return bool(self.sessions or self.remembered or tokens)


async def of_family(tx: Transaction, family_id: str) -> Hanging:
    """A family, and nothing beside it."""
    family = await tx.families.find(family_id)
    live = family is not None and family.is_live(tx.now - SKEW)
    return Hanging([], [family] if family is not None and live else [])


async def of_session(tx: Transaction, session_id: str) -> Hanging:
    """A signed-in browser with its online families; offline ones outlive it.

    What the browser is remembered by hangs there too, with every session that it got by that.
    """
    session = await tx.sessions.find(session_id)
    tied = session.remembered_id if session is not None else ""
    remembered = await tx.remembered_browsers.find(tied) if tied else None
    if remembered is not None:
        return await of_remembered(tx, remembered)
    live = session is not None and session.ended_at is None
    families = await tx.families.live_of_session(session_id)
    sessions = [session] if session is not None and live else []
    return Hanging(sessions, families, told=backchannel_logout.of_sessions(sessions))


async def of_remembered(tx: Transaction, remembered: RememberedBrowser) -> Hanging:
    """What a browser is remembered by, with the sessions that it has, and what goes on in them."""
    own = await tx.sessions.of_user(remembered.user_id)
    sessions = [session for session in own if session.remembered_id == remembered.id]
    families = [each for one in sessions for each in await tx.families.live_of_session(one.id)]
    told = backchannel_logout.of_sessions(sessions)
    return Hanging(sessions, families, told=told, remembered=[remembered])


async def of_grant(tx: Transaction, grant_id: str) -> Hanging:
    """All that rests on a permission."""
    grant = await tx.grants.find(grant_id)
    families = await tx.families.live_of_grant(grant_id)
    if grant is None:
        return Hanging([], families)
    told = await backchannel_logout.of_app(tx, grant.client_id, grant.user_id)
    return Hanging([], families, told=told)


async def of_right(tx: Transaction, right_id: str) -> Hanging:
    """All that was made for people by a right to mint (S58)."""
    made = await tx.mint_rights.made_by(right_id)
    families = [await tx.families.find(each.family_id) for each in made]
    return Hanging([], [family for family in families if family is not None])


async def of_user(tx: Transaction, user_id: str, spared: str | None = None) -> Hanging:
    """All of a person but the session ``spared``, its online families, and its browser's memory.

    Tokens that were made by hand belong to no session: whoever knew the password may have made one.
    """
    sessions = await tx.sessions.of_user(user_id)
    families = await tx.families.live_of_user(user_id)
    personal = await tx.personal_tokens.of_user(user_id)
    ending = [session for session in sessions if session.id != spared]
    if spared is None:
        apps = [family.client_id for family in families]
        told = backchannel_logout.of_person(user_id, ending, apps)
    else:
        told = backchannel_logout.of_sessions(ending)
    tied = next((each.remembered_id for each in sessions if each.id == spared), "")
    return Hanging(
        ending,
        [family for family in families if spared is None or family.session_id != spared],
        [token for token in personal if token.is_live(tx.now)],
        told,
        [each for each in await tx.remembered_browsers.of_user(user_id) if each.id != tied],
    )
