"""Explaining a fingerprint alone: as much as can be said without the token (S48)."""

from typing import Final

from msgspec.structs import replace

from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Marks
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
)
from counterfoil.server.protocol.explaining.history import Subject, ending_of
from counterfoil.server.protocol.explaining.standing import what_is_behind
from counterfoil.server.protocol.identifiers import family_in
from counterfoil.server.records.family import Family
from counterfoil.server.records.sentence import Row, say

_ONLY_THE_TOKEN: Final = say(
    "Only the token in hand can tell its key, its API, its expiry, what it is bound to, and "
    "whether tokens of its client or API were ended as a whole."
)
_STRANGE: Final = say(
    "Nothing is known of it: it was never issued here, or it has expired and been forgotten."
)
_NOTHING_ENDED: Final = Row((say("Nothing that is known here has ended it."), _ONLY_THE_TOKEN))


async def explain_fingerprint(case: Case, fingerprint: str) -> Explanation:
    """Say what ended a token, from its notices, its family and the events."""
    family_id = family_in(fingerprint)
    steps = await notices_about(case, Marks(fingerprint, family_id, "", 0, "", 0, ""))
    family = await case.tx.families.find(family_id) if family_id else None
    steps[0], whose = await _told_by_events(case, fingerprint, steps[0])
    if family is not None:
        authorization, *behind = await what_is_behind(case, family)
        steps += [*_expiry(case, family), replace(authorization, decides=True), *behind]
        whose = family.user_id
    return _concluded(fingerprint, [*steps, not_known("the_rest", _ONLY_THE_TOKEN)], whose)


async def _told_by_events(case: Case, fingerprint: str, step: Step) -> tuple[Step, str]:
    """Notices are forgotten when the token has expired; an event tells for longer."""
    event = await ending_of(case.tx, Subject(fingerprint))
    if event is None:
        return step, ""
    whose = event.detail.get("user_id", "")
    if step.outcome is Outcome.FAILED:
        return step, whose
    sentence = say("The token itself was ended at {moment}.", moment=at(event.at))
    ended = failed(step.check, Reason.REVOKED, sentence)
    return replace(ended, since=event.at, by=event.actor), whose


def _expiry(case: Case, family: Family) -> list[Step]:
    """Every access token of a family has expired when the last one has."""
    if case.now < family.access_expires_at:
        return []
    sentence = say(
        "It has expired: the last of its family did at {moment}.",
        moment=at(family.access_expires_at),
    )
    step = failed("expiry", Reason.EXPIRED, sentence)
    return [replace(step, since=family.access_expires_at)]


def _concluded(fingerprint: str, steps: list[Step], owner: str) -> Explanation:
    return decided(
        Explanation(
            kind="fingerprint",
            verdict=Verdict.UNKNOWN,
            sentence=_NOTHING_ENDED if owner else _STRANGE,
            fingerprint=fingerprint,
            owner=owner,
            steps=tuple(steps),
        )
    )
