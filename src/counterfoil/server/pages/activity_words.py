"""What happened, in a sentence for the person whom it concerns. Pure; tells of nobody else."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from counterfoil.server.protocol.explaining.history import in_words
from counterfoil.server.records.event import SUBJECTS, Event, EventKind
from counterfoil.server.records.sentence import Row, said_again, say

SENTENCES: Final[Mapping[EventKind, str]] = MappingProxyType(
    {
        EventKind.SIGNED_IN: "You signed in",
        EventKind.SIGN_IN_FAILED: "Somebody tried to sign in to your account, and failed",
        EventKind.CONSENT_GIVEN: "You gave {app} a permission",
        EventKind.CONSENT_REFUSED: "You turned {app} away",
        EventKind.CODE_REPLAYED: "A sign-in to {app} was shown a second time, so it was ended",
        EventKind.CODE_BURNED: "A sign-in to {app} was spoiled, so it came to nothing",
        EventKind.FAMILY_STARTED: "{app} was signed in",
        EventKind.REFRESH_REUSED: "A token of {app} was used a second time, so it was signed out",
        EventKind.REFRESH_REPEATED: "{app} asked again for a token that it had not received",
        EventKind.TOKEN_IN_TWO_PLACES: "A token of yours was seen in two places at once",
        EventKind.NEW_DEVICE: "A sign-in came from a browser that we do not know",
        EventKind.NEW_PLACE: "A sign-in came from a new place",
        EventKind.IMPOSSIBLE_TRAVEL: "A sign-in came from further away than anybody travels",
        EventKind.UNUSUAL_TIME: "A sign-in came at an unusual time",
        EventKind.FAILURES_BEFORE: "A sign-in came after many failures",
        EventKind.REFRESHED_ELSEWHERE: "{app} went on from further away than anybody travels",
        EventKind.TOKEN_DELEGATED: "{app} passed your access on to another service",
        EventKind.TOKENS_MINTED: "{app} made tokens for you, by an administrator's leave",
        EventKind.MINT_RIGHT_GIVEN: "{app} was given a right to make tokens for you",
        EventKind.MINT_RIGHT_WITHDRAWN: "{app} may make no tokens for you any more",
        EventKind.TOKEN_ENDED: "A token was ended",
        EventKind.PERSONAL_TOKEN_MADE: "A personal token was made",
        EventKind.PERSONAL_TOKEN_USED: "A personal token was used for the first time",
        EventKind.PERSONAL_TOKEN_ENDED: "A personal token was ended",
        EventKind.SECRET_REPORTED: "A token of yours was reported as found",
        EventKind.FAMILY_ENDED: "A session of {app} was ended",
        EventKind.SESSION_ENDED: "A browser was signed out",
        EventKind.APP_SIGNED_OUT: "{app} was signed out everywhere",
        EventKind.GRANT_ENDED: "The permission of {app} was taken back",
        EventKind.LOGOUT_NOT_TOLD: "{app} could not be told that you were signed out",
        EventKind.GRANT_LIMITED: "The permission of {app} was given another end date",
        EventKind.USER_SIGNED_OUT: "Everything was signed out",
        EventKind.INTRUSION_REPORTED: "You said that something was not you, and it was ended",
        EventKind.USER_DELETED: "Your account was deleted",
        EventKind.USER_ADDED: "Your account was made",
        EventKind.USER_DISABLED: "Your account was disabled",
        EventKind.USER_ENABLED: "Your account was enabled",
        EventKind.USER_DATA_CHANGED: "Your details changed, and services were told",
        EventKind.PASSWORD_CHANGED: "Your password was changed",
        EventKind.PASSWORD_SET: "An administrator gave you another password",
        EventKind.PASSWORD_ENDED: "An administrator ended your password",
        EventKind.PASSWORD_RESET: "A new password was chosen by a link in a mail",
        EventKind.PASSKEY_ADDED: "A passkey was added",
        EventKind.PASSKEY_RENAMED: "A passkey was given another name",
        EventKind.PASSKEY_REMOVED: "A passkey was removed",
        EventKind.PASSKEY_SUSPECT: "A passkey was used that may have been copied",
        EventKind.IDENTITY_LINKED: "An account at another provider was linked to yours",
        EventKind.IDENTITY_UNLINKED: "An account at another provider was unlinked from yours",
        EventKind.UPSTREAM_TOKEN_USED: "{app} was given a token of an account of yours elsewhere",
        EventKind.SECOND_FACTOR_ADDED: "A second factor was added",
        EventKind.SECOND_FACTOR_REMOVED: "A second factor was removed",
        EventKind.SECOND_FACTOR_FAILED: "Somebody showed the first step and not the second",
        EventKind.RECOVERY_CODES_MADE: "New recovery codes were made",
        EventKind.RECOVERY_CODE_USED: "A recovery code was used",
        EventKind.MAILED_CODES_ADDED: "Codes are sent to you by mail from now on",
        EventKind.MAILED_CODES_REMOVED: "Codes are sent to you by mail no more",
        EventKind.MAILED_CODE_SENT: "A code was sent to you by mail",
        EventKind.STEPPED_UP: "You showed once more that it is you",
        EventKind.BROWSER_REMEMBERED: "A browser was remembered",
        EventKind.BROWSER_FORGOTTEN: "A browser that was remembered was forgotten",
        EventKind.REMEMBERED_REUSED: (
            "What a browser was remembered by was used a second time, so all of it was ended"
        ),
        EventKind.USER_INVITED: "You were invited",
        EventKind.USER_JOINED: "Your account was opened",
        EventKind.EMAIL_VERIFIED: "Your email address was confirmed",
        EventKind.EMAIL_CHANGED: "Your email address was changed",
        EventKind.EMAIL_RESTORED: "Your email address was put back",
        EventKind.RECOVERY_STARTED: "A link to choose a new password was made for you",
    }
)
"""What can concern a person who is none of those who run the server."""
ADMINISTRATION: Final = frozenset(
    {
        EventKind.PROVIDER_ADDED,
        EventKind.PROVIDER_CHANGED,
        EventKind.PROVIDER_REMOVED,
        EventKind.CLIENT_ADDED,
        EventKind.CLIENT_CHANGED,
        EventKind.CLIENT_DISABLED,
        EventKind.CLIENT_ENABLED,
        EventKind.CLIENT_TOKENS_ENDED,
        EventKind.CLIENT_SECRET_ADDED,
        EventKind.CLIENT_SECRET_RETIRED,
        EventKind.CLIENT_KEYS_CHANGED,
        EventKind.CLIENT_TOKENS_MINTED,
        EventKind.MINT_RIGHT_GIVEN,
        EventKind.MINT_RIGHT_WITHDRAWN,
        EventKind.API_ADDED,
        EventKind.API_CHANGED,
        EventKind.API_KEYS_CHANGED,
        EventKind.API_TOKENS_ENDED,
        EventKind.LIFETIME_SHORTENED,
        EventKind.KEY_MADE,
        EventKind.KEY_RETIRED,
        EventKind.KEY_WITHDRAWN,
        EventKind.MASTER_KEY_CHANGED,
        EventKind.PERSONAL_DATA_ERASED,
        EventKind.DATABASE_SHUT,
        EventKind.DATABASE_REOPENED,
        EventKind.DATABASE_RESTORED,
    }
)
"""What those do who run the server. Where it is about nobody, it is told so to whoever did it."""


def sentence_of(event: Event, user_id: str, names: Mapping[str, str]) -> str:
    """Say what happened; ``names`` are those of apps by ``client_id``.

    What a person did to another is told without the other, and a kind that is newer than the table
    by its own words.
    """
    words = event.kind.value.replace("_", " ")
    concerned = person_concerned(event)
    if concerned not in {user_id, ""} or (event.kind in ADMINISTRATION and not concerned):
        return say("You did this as an administrator: {what}.", what=words)
    text = SENTENCES.get(event.kind)
    if text is None:
        return f"{words.capitalize()}."
    said = say(text, app=names.get(app_of(event), say("an app")))
    why = event.detail.get("why", "")
    if why:
        return say("{what}: {why}.", what=said, why=say(in_words(why)))
    weighed = _weighed(event)
    plain = say("{what}.", what=said)
    return Row((plain, *weighed)) if weighed else plain


def _weighed(event: Event) -> tuple[str, ...]:
    """Say why something was noticed, and how much that weighs."""
    reasons, score = event.detail.get("reasons", ""), event.detail.get("score", "")
    if not (reasons and score):
        return ()
    # What is older than this was kept in English alone.
    why = said_again(event.detail.get("said", "")) or (reasons,)
    return *why, say("(Score {score} of 100.)", score=score)


def person_concerned(event: Event) -> str:
    """Name whom an event is about; nothing where it is about no person."""
    if SUBJECTS[event.kind] == "user":
        return event.subject
    return event.detail.get("user_id", "")


def app_of(event: Event) -> str:
    """Name the app that has a part in it, by its ``client_id``; nothing where none has."""
    if SUBJECTS[event.kind] == "client":
        return event.subject
    kind, _, name = event.actor.partition(":")
    return event.detail.get("client_id") or (name if kind == "client" else "")


def doer_of(event: Event, user_id: str, names: Mapping[str, str]) -> str:
    """Say who did it, without naming another person."""
    if event.kind is EventKind.SIGN_IN_FAILED:
        return say("By whoever typed your email address")
    if is_own(event, user_id):
        return say("In your name")
    kind, _, name = event.actor.partition(":")
    if kind == "client":
        return say("By {name}", name=names.get(name, say("an app")))
    return say("By an administrator") if kind in {"user", "cli"} else say("By the server")


def is_own(event: Event, user_id: str) -> bool:
    """Whether it was done in the name of this person, rightly or not."""
    return event.actor == f"user:{user_id}"
