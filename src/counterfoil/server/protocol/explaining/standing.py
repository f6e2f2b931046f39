"""What stands behind a token: family, session, grant, person, client. No guard asks for these.

They decide whether it can be renewed; what was ended among them has its notices, which decide.
"""

from msgspec.structs import replace

from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol.explaining.endings import Case
from counterfoil.server.protocol.explaining.explanation import Step, at, failed, not_known, passed
from counterfoil.server.protocol.explaining.history import Subject, dated, in_words
from counterfoil.server.records.family import Family
from counterfoil.server.records.sentence import say


async def what_is_behind(case: Case, family: Family) -> list[Step]:
    """Look at each thing that a family rests on."""
    return [
        await family_of(case, family),
        await _session(case, family),
        await _right(case, family) or await _grant(case, family),
        await _person(case, family),
        await client_of(case, family.client_id),
    ]


async def family_of(case: Case, family: Family) -> Step:
    """Say whether a family stands, or since when and why not."""
    if family.ended_at is None:
        return passed(
            "authorization",
            say("It was authorized at {moment}, and stands.", moment=at(family.created_at)),
        )
    sentence = say("The authorization has ended: {why}.", why=say(in_words(family.ended_why)))
    step = await dated(case.tx, _revoked("authorization", sentence), Subject(family.id))
    return replace(step, since=family.ended_at)


async def client_of(case: Case, client_id: str) -> Step:
    """Say whether a client may act."""
    client = await case.tx.clients.find(client_id)
    if client is None:
        return replace(
            not_known("client", say("The client is not registered any more.")), decides=False
        )
    if client.is_enabled:
        return passed("client", say("The client {client} may act.", client=client.client_name))
    step = _revoked("client", say("The client {client} is disabled.", client=client.client_name))
    return replace(await dated(case.tx, step, Subject(client_id)), since=client.disabled_at)


async def _session(case: Case, family: Family) -> Step:
    if family.session_id is None:
        return passed("session", say("It goes on without the person being signed in."))
    session = await case.tx.sessions.find(family.session_id)
    if session is None:
        step = not_known(
            "session", say("The browser's session has been forgotten: it ended long ago.")
        )
        return replace(step, decides=False)
    if session.ended_at is not None:
        step = _revoked(
            "session", say("The person was signed out of the browser that it came from.")
        )
        return replace(await dated(case.tx, step, Subject(session.id)), since=session.ended_at)
    if not session.is_live(case.now, case.authority.settings.session_idle_lifetime):
        step = failed("session", Reason.EXPIRED, say("The browser's session has expired."))
        return replace(step, decides=False)
    return passed("session", say("The person is signed in, in the browser that it came from."))


async def _right(case: Case, family: Family) -> Step | None:
    """Look at the right by which it was made for the person; ``None`` where it was not (S58)."""
    made = await case.tx.mint_rights.of_family(family.id)
    if made is None:
        return None
    right = await case.tx.mint_rights.find(made.right_id)
    if right is None or right.ended_at is not None:
        step = _revoked("permission", say("The client's right to make it for the person has gone."))
        return replace(step, since=right.ended_at if right else None)
    return passed("permission", say("An administrator lets the client make tokens for the person."))


async def _grant(case: Case, family: Family) -> Step:
    grant = await case.tx.grants.find(family.grant_id)
    if grant is None:
        step = not_known("permission", say("The permission has been forgotten: it ended long ago."))
        return replace(step, decides=False)
    if grant.ended_at is not None:
        step = _revoked("permission", say("The person's permission for the client was taken back."))
        return replace(await dated(case.tx, step, Subject(grant.id)), since=grant.ended_at)
    if not grant.access.covers(family.access):
        step = _revoked("permission", say("Some of what it may do was taken back since."))
        return replace(step, since=grant.updated_at)
    return passed("permission", say("The person's permission for the client stands."))


async def _person(case: Case, family: Family) -> Step:
    user = await case.tx.users.find(family.user_id)
    if user is None:
        return replace(not_known("person", say("The account has gone.")), decides=False)
    if user.is_enabled:
        return passed("person", say("The account may be used."))
    step = _revoked("person", say("The account is disabled."))
    return replace(await dated(case.tx, step, Subject(user.id)), since=user.disabled_at)


def _revoked(check: str, sentence: str) -> Step:
    return replace(failed(check, Reason.REVOKED, sentence), decides=False)
