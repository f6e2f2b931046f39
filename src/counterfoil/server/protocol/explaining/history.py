"""Since when something has ended, and by whom: read from the events, where they still tell."""

from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.server.protocol.explaining.explanation import Step, at
from counterfoil.server.records.event import Event, EventKind, EventQuery
from counterfoil.server.records.sentence import Row, say
from counterfoil.server.records.store import Transaction

_ENDINGS: Final = ("_ended", "_disabled", "_withdrawn", "_shortened", "_signed_out")
"""How the words of events end that tell of an ending."""
_LOOKED_AT: Final = 200
WHY: Final = MappingProxyType(
    {
        "code_replayed": "its authorization code was shown a second time",
        "refresh_reused": "a refresh token of it was used a second time",
        "revoked": "it was revoked",
        "revoked_by_client": "the app gave it back",
        "ended": "it was ended, and nothing else",
        "reported": "it was reported as found where it should not be",
        "api_tokens_ended": "all tokens of its API were ended",
        "ended_by_user": "the person ended it",
        "signed_out": "the app was signed out",
        "session_ended": "the browser was signed out",
        "signed_out_elsewhere": "everything but one browser was signed out",
        "grant_ended": "the permission was taken back",
        "permission_taken_back": "some of the permission was taken back",
        "in_two_places": "guards saw it used in two places at once",
        "refreshed_elsewhere": "it was refreshed from further away than anybody travels",
        "right_withdrawn": "the right by which it was made was withdrawn",
        "user_deleted": "the account was deleted",
        "user_disabled": "the account was disabled",
        "client_disabled": "the client was disabled",
        "restored": "the records were restored from a backup, and began anew",
        "reopened": "a database was used again that had been left for its copy",
    }
)


class Subject(Struct, frozen=True):
    """What may have ended, by its id; ``since`` is the first second that matters."""

    name: str
    since: int | None = None


async def ending_of(tx: Transaction, subject: Subject) -> Event | None:
    """Find the event that ended something: the first one, for what has ended stays ended."""
    query = EventQuery(subject=subject.name, since=subject.since, limit=_LOOKED_AT)
    found = await tx.events.find(query)
    endings = (each for each in reversed(found) if each.kind.value.endswith(_ENDINGS))
    return next((each for each in endings if each.subject == subject.name), None)


async def dated(tx: Transaction, step: Step, subject: Subject) -> Step:
    """Say since when a failed check fails, and by whose doing; unsaid where no event tells."""
    event = await ending_of(tx, subject)
    if event is None:
        return step
    # A family says itself why it ended; of a token alone only its event tells.
    why = event.detail.get("why", "") if event.kind is EventKind.TOKEN_ENDED else ""
    moment = at(event.at)
    ended = say("It was ended at {moment}.", moment=moment)
    if why:
        ended = say("It was ended at {moment}: {why}.", moment=moment, why=say(in_words(why)))
    return replace(step, sentence=Row((step.sentence, ended)), since=event.at, by=event.actor)


def in_words(why: str) -> str:
    """Say why something ended; a word that is newer than this table says it itself."""
    return WHY.get(why, why.replace("_", " "))
