"""Explaining a refresh token that was pasted by mistake: through its family, without using it."""

import hmac
from typing import Final

from msgspec.structs import replace

from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import families
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
from counterfoil.server.protocol.explaining.standing import what_is_behind
from counterfoil.server.protocol.lifetimes import limits_in_force
from counterfoil.server.protocol.refresh_tokens import Presentation, read_refresh_token
from counterfoil.server.records.family import Family
from counterfoil.server.records.sentence import Row, say

_NOT_OURS: Final = say("We never made it: the part that only we can write is not ours.")
_FORGOTTEN: Final = say("Its family has been forgotten: it ended or expired long ago.")
_STANDS: Final = say("It would be exchanged for new tokens, if its client shows it.")
_CARE: Final = say(
    "It is a secret, and should not be pasted anywhere: end it if it may have been seen."
)


async def explain_refresh_token(case: Case, unverified: str) -> Explanation:
    """Say whether a refresh token could be used, and what ended it. It stays as it was."""
    shown = read_refresh_token(case.authority.keys.refresh_mac, unverified)
    if shown is None:
        return _concluded([failed("signature", Reason.BAD_SIGNATURE, _NOT_OURS)])
    ours = passed("signature", say("We made it."))
    family = await case.tx.families.find(shown.family_id)
    if family is None:
        return _concluded([ours, failed("family", Reason.EXPIRED, _FORGOTTEN)])
    family = await _limited(case, family)
    behind = [replace(step, decides=True) for step in await what_is_behind(case, family)]
    return _concluded([ours, *behind[:1], *_own(case, family, shown), *behind[1:]], family)


async def _limited(case: Case, family: Family) -> Family:
    """Give a family as a refresh would find it: limits may be shorter than when it was issued."""
    client = await case.tx.clients.find(family.client_id)
    if client is None:
        return family
    limits = await limits_in_force(case.tx, case.authority.settings)
    return families.limited(family, client, limits)


def _own(case: Case, family: Family, shown: Presentation) -> list[Step]:
    return [_expiry(case, family), _use(family, shown)]


def _expiry(case: Case, family: Family) -> Step:
    if case.now < family.refresh_expires_at:
        return passed(
            "expiry", say("It lives until {moment}.", moment=at(family.refresh_expires_at))
        )
    step = failed(
        "expiry",
        Reason.EXPIRED,
        say("It expired at {moment}.", moment=at(family.refresh_expires_at)),
    )
    return replace(step, since=family.refresh_expires_at)


def _use(family: Family, shown: Presentation) -> Step:
    if hmac.compare_digest(shown.digest, family.refresh_digest or b""):
        return passed("use", say("It was not used yet."))
    if shown.generation < family.refresh_generation:
        sentence = say(
            "It was exchanged for a newer one, the last time at {moment}.",
            moment=at(family.rotated_at),
        )
        return replace(failed("use", Reason.USED_UP, sentence), since=family.rotated_at)
    return not_known("use", say("It is not the one that was handed out last."))


def _concluded(steps: list[Step], family: Family | None = None) -> Explanation:
    found = decided(
        Explanation(
            kind="refresh_token",
            verdict=Verdict.STANDS,
            sentence=_STANDS,
            fingerprint=family.id if family else "",
            owner=family.user_id if family else "",
            steps=tuple(steps),
        )
    )
    return replace(found, sentence=Row((found.sentence, _CARE)))
