"""Explaining a token that a person has made by hand: its row says what became of it (S11)."""

from typing import Final

from msgspec.structs import replace

from counterfoil.oauth.opaque import fingerprint
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol.explaining.endings import Case
from counterfoil.server.protocol.explaining.explanation import (
    Explanation,
    Step,
    Verdict,
    at,
    decided,
    failed,
    not_known,
    passed,
)
from counterfoil.server.protocol.explaining.history import Subject, ending_of, in_words
from counterfoil.server.protocol.personal_standing import takes_personal_tokens
from counterfoil.server.records.personal_token import PersonalToken
from counterfoil.server.records.sentence import Row, say

_NO_RECORD: Final = say("There is no record of it: it was forgotten, or we never made it.")
_STANDS: Final = say(
    "Nothing that can be seen here refuses it. A guard still does for another API."
)
_CARE: Final = say(
    "It is a secret, and should not be pasted anywhere: end it if it may have been seen."
)


async def explain_personal_token(case: Case, unverified: str) -> Explanation:
    """Explain one that was pasted."""
    token = await case.tx.personal_tokens.find(fingerprint(unverified))
    if token is None:
        return _concluded([failed("record", Reason.NOT_REGISTERED, _NO_RECORD)])
    found = await explain_personal_row(case, token)
    return replace(found, sentence=Row((found.sentence, _CARE)))


async def explain_personal_row(case: Case, token: PersonalToken) -> Explanation:
    """Explain one that is known by its fingerprint."""
    steps = [
        passed("record", say("It was made at {moment}.", moment=at(token.created_at))),
        await _ended(case, token),
        _expiry(case, token),
        await _person(case, token),
        await _audience(case, token),
        _networks(token),
    ]
    return _concluded(steps, token)


async def _ended(case: Case, token: PersonalToken) -> Step:
    if token.ended_at is None:
        return passed("ended", say("Nothing has ended it."))
    why = say(in_words(token.ended_why))
    sentence: str = say("It was ended at {moment}: {why}.", moment=at(token.ended_at), why=why)
    if token.found_at:
        found = say("It was reported as found at {place}.", place=token.found_at)
        sentence = Row((sentence, found))
    event = await ending_of(case.tx, Subject(token.id))
    step = replace(failed("ended", Reason.REVOKED, sentence), since=token.ended_at)
    return replace(step, by=event.actor) if event is not None else step


def _expiry(case: Case, token: PersonalToken) -> Step:
    if case.now < token.expires_at:
        return passed("expiry", say("It lives until {moment}.", moment=at(token.expires_at)))
    step = failed(
        "expiry", Reason.EXPIRED, say("It expired at {moment}.", moment=at(token.expires_at))
    )
    return replace(step, since=token.expires_at)


async def _person(case: Case, token: PersonalToken) -> Step:
    user = await case.tx.users.find(token.user_id)
    if user is not None and user.is_enabled:
        return passed("person", say("Whoever made it may still sign in."))
    return failed("person", Reason.REVOKED, say("The account of whoever made it is disabled."))


async def _audience(case: Case, token: PersonalToken) -> Step:
    api = await case.tx.apis.find(token.audience)
    if api is None or not takes_personal_tokens(api):
        sentence = say("{api} takes no personal tokens any more.", api=token.audience)
        return failed("audience", Reason.REVOKED, sentence)
    sentence = say(
        "It is for {api} ({uri}), with {scopes} at most.",
        api=api.name,
        uri=api.uri,
        scopes=" ".join(token.scopes),
    )
    return passed("audience", sentence)


def _networks(token: PersonalToken) -> Step:
    if not token.networks:
        return passed("networks", say("It is good from any address."))
    return not_known(
        "networks",
        say(
            "It is good from {networks} alone.",
            networks=", ".join(token.networks),
        ),
    )


def _concluded(steps: list[Step], token: PersonalToken | None = None) -> Explanation:
    return decided(
        Explanation(
            kind="personal_token",
            verdict=Verdict.STANDS,
            sentence=_STANDS,
            fingerprint=token.id if token else "",
            owner=token.user_id if token else "",
            steps=tuple(steps),
        )
    )
