"""The notices that may have ended a token: of itself, its family, key, client and API."""

from typing import Final

from msgspec import Struct

from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Marks
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.explaining.explanation import Step, failed, passed
from counterfoil.server.protocol.explaining.history import Subject, dated
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction


class Case(Struct, frozen=True):
    """What is looked at with: the authority, caught up with every ending, and one view of it."""

    authority: Authority
    tx: Transaction

    @property
    def now(self) -> int:
        """The present, in seconds."""
        return self.tx.now


class _Notice(Struct, frozen=True):
    """One kind of notice: the check's name, and the sentences."""

    check: str
    stands: str
    ended: str


_NOTICES: Final = (
    _Notice("token", say("The token itself was not ended."), say("The token itself was ended.")),
    _Notice(
        "family",
        say("Its family was not ended: the authorization that it came from stands."),
        say("Its family was ended: all tokens of one authorization."),
    ),
    _Notice(
        "signing_key",
        say("The key that signed it was not withdrawn."),
        say("The key that signed it was withdrawn, and nothing that it signed stands."),
    ),
    _Notice(
        "client_tokens",
        say("The tokens of its client were not ended as a whole."),
        say("All tokens of its client that were issued until then were ended."),
    ),
    _Notice(
        "api_tokens",
        say("The tokens of its API were not ended as a whole."),
        say("All tokens of its API that were issued until then were ended."),
    ),
)
_SHORTENED: Final = say("Its lifetime was shortened after it was issued, and is over.")


async def notices_about(case: Case, marks: Marks) -> list[Step]:
    """Ask for each kind of notice in turn. A guard that follows the feed knows the same.

    What ``marks`` does not name is not asked for.
    """
    since = marks.issued_at or None
    asked = zip(_NOTICES, _one_by_one(marks), strict=True)
    return [
        await _asked(case, notice, mark, Subject(name, since))
        for notice, (name, mark) in asked
        if name
    ]


async def _asked(case: Case, notice: _Notice, mark: Marks, subject: Subject) -> Step:
    reason = case.authority.hub.revocations.rejects(mark, case.now)
    if reason is None:
        return passed(notice.check, notice.stands)
    sentence = _SHORTENED if reason is Reason.EXPIRED else notice.ended
    return await dated(case.tx, failed(notice.check, reason, sentence), subject)


def _one_by_one(marks: Marks) -> list[tuple[str, Marks]]:
    """Give each mark alone, by the name of what it marks; the others are empty: nobody's."""
    client, api, at = marks.client_generation, marks.api_generation, marks.issued_at
    return [
        (marks.jti, Marks(marks.jti, "", "", 0, "", 0, "")),
        (marks.family, Marks("", marks.family, "", 0, "", 0, "")),
        (marks.kid, Marks("", "", "", 0, "", 0, marks.kid)),
        (marks.client_id, Marks("", "", marks.client_id, client, "", 0, "", at)),
        (marks.audience, Marks("", "", "", 0, marks.audience, api, "", at)),
    ]
