"""An explanation: the checks of a token, each with its outcome, and the one that decides (S109)."""

from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.reasons import Reason


class Outcome(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "not_known"


class Verdict(StrEnum):
    """What comes of all of them."""

    STANDS = "stands"
    REFUSED = "refused"
    UNKNOWN = "not_known"
    SECRET = "secret"


class Step(Struct, frozen=True, kw_only=True):
    """One check. ``since`` (seconds) and ``by`` (an actor): when it began to fail, and who did it.

    ``decides``: a guard, or for a refresh token the token endpoint, refuses where it fails.
    """

    check: str
    outcome: Outcome
    sentence: str
    reason: Reason | None = None
    since: int | None = None
    by: str | None = None
    decides: bool = True


class Explanation(Struct, frozen=True, kw_only=True):
    """What was found out about what was pasted; never a piece of it but the fingerprint.

    ``decided_by`` names the check that decides. ``owner`` is the person whose token it is, where
    that is certain; empty otherwise.
    """

    kind: str
    verdict: Verdict
    sentence: str
    fingerprint: str = ""
    owner: str = ""
    decided_by: str = ""
    reason: Reason | None = None
    since: int | None = None
    by: str | None = None
    steps: tuple[Step, ...] = ()


def passed(check: str, sentence: str) -> Step:
    """A check that is met."""
    return Step(check=check, outcome=Outcome.PASSED, sentence=sentence)


def failed(check: str, reason: Reason, sentence: str) -> Step:
    """A check that is not met."""
    return Step(check=check, outcome=Outcome.FAILED, sentence=sentence, reason=reason)


def not_known(check: str, sentence: str) -> Step:
    """A check that cannot be made here."""
    return Step(check=check, outcome=Outcome.UNKNOWN, sentence=sentence)


def decided(explanation: Explanation) -> Explanation:
    """Let the first check that refuses the token decide; where none does, it stays as it is."""
    steps = explanation.steps
    refusing = (step for step in steps if step.decides and step.outcome is Outcome.FAILED)
    step = next(refusing, None)
    if step is None:
        return explanation
    return replace(
        explanation,
        verdict=Verdict.REFUSED,
        sentence=step.sentence,
        decided_by=step.check,
        reason=step.reason,
        since=step.since,
        by=step.by,
    )


def at(time: int) -> str:
    """Write a moment (seconds since the epoch) for people, in UTC."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
