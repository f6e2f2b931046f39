"""What a genuine access token says, judged as a guard judges it, and what stands behind it."""

from typing import Final

from msgspec.structs import replace

from counterfoil.oauth.access_token import LEEWAY, AccessToken
from counterfoil.oauth.allowances import USES
from counterfoil.oauth.delegation import actors_in
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Marks
from counterfoil.server.protocol import drawing
from counterfoil.server.protocol.explaining.endings import Case, notices_about
from counterfoil.server.protocol.explaining.explanation import (
    Explanation,
    Outcome,
    Step,
    Verdict,
    at,
    decided,
    failed,
    not_known,
    passed,
)
from counterfoil.server.protocol.explaining.standing import client_of, what_is_behind
from counterfoil.server.records.sentence import Row, say

_STANDS: Final = say(
    "Nothing that can be seen here refuses it. A guard still does where it is for another API, "
    "lacks a permission, is bound to a key that was not proved, or where the guard is stale."
)
_OF_PARENT: Final = say("Of a token that it was exchanged for:")
_FORGOTTEN: Final = say("Its authorization has been forgotten: no token of it has lived for long.")


async def explain_claims(
    case: Case, steps: list[Step], token: AccessToken, marks: Marks
) -> Explanation:
    """Go on with a token that we made, after ``steps``; ``marks`` are those by which it ends."""
    steps = [
        *steps,
        _issuer(case, token),
        await _audience(case, token),
        *_times(case, token),
        _binding(token),
        *_acting(token),
        *await notices_about(case, marks),
        *await _parents(case, marks),
        *await _uses(case, token),
    ]
    if not token.fam:
        return concluded([*steps, await client_of(case, token.client_id)], token)
    family = await case.tx.families.find(token.fam)
    if family is None:
        return concluded([*steps, not_known("authorization", _FORGOTTEN)], token, token.sub)
    # Whoever has a leaked key could name another's family beside a subject of their own.
    owner = token.sub if token.sub == family.user_id else ""
    return concluded([*steps, *await what_is_behind(case, family)], token, owner)


def concluded(steps: list[Step], token: AccessToken | None = None, owner: str = "") -> Explanation:
    """Let the first failing check decide; ``owner`` is the person whose token it is for sure."""
    found = Explanation(
        kind="access_token",
        verdict=Verdict.STANDS,
        sentence=_STANDS,
        fingerprint=token.jti if token else "",
        owner=owner,
        steps=tuple(steps),
    )
    return decided(found)


def _issuer(case: Case, token: AccessToken) -> Step:
    if token.iss == case.authority.issuer:
        return passed("issuer", say("It comes from this server."))
    sentence = say("It names another issuer than this server is now; was the setting changed?")
    return failed("issuer", Reason.WRONG_ISSUER, sentence)


async def _audience(case: Case, token: AccessToken) -> Step:
    if token.is_for(case.authority.issuer):
        return passed("audience", say("It is for this server itself, and for no API."))
    api = await case.tx.apis.find(token.aud) if isinstance(token.aud, str) else None
    if api is None:
        return not_known("audience", say("It is for an API that is not registered here any more."))
    return passed(
        "audience",
        say(
            "It is for {api} ({uri}); the guard of any other API refuses it with wrong_audience.",
            api=api.name,
            uri=api.uri,
        ),
    )


def _times(case: Case, token: AccessToken) -> list[Step]:
    expiry = passed("expiry", say("It lives until {moment}.", moment=at(token.exp)))
    if case.now >= token.exp:
        expiry = failed(
            "expiry", Reason.EXPIRED, say("It expired at {moment}.", moment=at(token.exp))
        )
        expiry = replace(expiry, since=token.exp)
    begin = passed("begin", say("It was issued at {moment}.", moment=at(token.iat)))
    if token.begins_at > case.now + LEEWAY:
        sentence = say("It begins only at {moment}.", moment=at(token.begins_at))
        begin = failed("begin", Reason.ISSUED_IN_FUTURE, sentence)
    return [expiry, begin]


def _acting(token: AccessToken) -> list[Step]:
    """Say who acts for whom, whoever acts now first (RFC 8693 §4.1)."""
    actors = actors_in(token.act)
    if not actors:
        return []
    said, *before = actors
    for actor in before:
        said = say("{actor}, for whom it was {other}", actor=said, other=actor)
    return [
        passed("actor", say("{actor} acts with it for {person}.", actor=said, person=token.sub))
    ]


async def _parents(case: Case, marks: Marks) -> list[Step]:
    """Ask for the endings of what it was exchanged for; those that ended nothing are one step."""
    if not marks.parents:
        return []
    about = [step for parent in marks.parents for step in await notices_about(case, parent)]
    ended = [step for step in about if step.outcome is Outcome.FAILED]
    if not ended:
        return [passed("parent", say("Nothing has ended the tokens that it was exchanged for."))]
    return [
        replace(each, check="parent", sentence=Row((_OF_PARENT, each.sentence))) for each in ended
    ]


async def _uses(case: Case, token: AccessToken) -> list[Step]:
    """Say what is left of a limited token; what guards hold is taken, be it used or not (S54)."""
    if token.max_uses is None:
        return []
    allowance = await case.tx.allowances.find(token.jti, USES)
    left = 0 if allowance is None else (await drawing.seen(case.tx, allowance)).left
    if not left:
        sentence = say(
            "It works {count} times, and guards have taken every one of them.", count=token.max_uses
        )
        return [failed("uses", Reason.USED_UP, sentence)]
    return [
        passed(
            "uses",
            say(
                "It works {count} times; {left} are left to take.", count=token.max_uses, left=left
            ),
        )
    ]


def _binding(token: AccessToken) -> Step:
    if token.binding.is_bearer:
        return passed("binding", say("Whoever holds it may use it; it is bound to no key."))
    sentence = say("It is bound to a key: only the request shows whether that was proved.")
    return not_known("binding", sentence)
