"""What guards report: which token was seen in which place, and when (S25, S106). Pure.

A place is an address as the guard saw it; empty where it could not be known. Never the token.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from counterfoil.jose.errors import JoseError
from counterfoil.jose.strict_json import decode_object
from counterfoil.oauth.addresses import place_of

MOST_SIGHTINGS: Final = 100
"""As many stand in one report, so that taking it holds nobody up."""

_Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Time = Annotated[int, Meta(ge=0, le=2**40)]
_Count = Annotated[int, Meta(ge=0, le=2**40)]


class Sighting(Struct, frozen=True, forbid_unknown_fields=True):
    """A token that a guard let pass, in one place. Times in seconds by the guard's own clock.

    The ``jti`` names the family too. Where there is none, only the guard can say whose token it
    is (``client_id``) and when it expires.
    """

    jti: _Name
    client_id: _Name
    expires_at: _Time
    place: Annotated[str, Meta(max_length=45)]
    first: _Time
    last: _Time
    count: Annotated[int, Meta(ge=1, le=2**40)]


class Report(Struct, frozen=True, forbid_unknown_fields=True):
    """What the guards of one API have seen since they last told.

    ``sent_at`` is the guard's present: by it the server knows how far their clocks are apart.
    ``dropped``: so many sightings the guard could not keep until now.
    """

    audience: Annotated[str, Meta(min_length=1, max_length=2048)]
    sent_at: _Time
    sightings: Annotated[tuple[Sighting, ...], Meta(max_length=MOST_SIGHTINGS)]
    dropped: _Count = 0


class WrongReport(Exception):
    """A report is not well formed. The text says what is wrong, and where in it."""


def spelled(report: Report) -> bytes:
    """Spell a report as the body of a request."""
    return msgspec.json.encode(report)


def report_from(body: bytes) -> Report:
    """Read a report, whole or not at all.

    Raises:
        WrongReport: something in it is no report, or cannot be.
    """
    try:
        report = msgspec.convert(decode_object(body), Report)
    except (JoseError, msgspec.ValidationError) as error:
        raise WrongReport(str(error)) from None
    for number, sighting in enumerate(report.sightings):
        wrong = _what_is_wrong(sighting, report.sent_at)
        if wrong:
            raise WrongReport(f"{wrong} - at $.sightings[{number}]")
    return report


def _what_is_wrong(sighting: Sighting, sent_at: int) -> str:
    if place_of(sighting.place) != sighting.place:
        return "The place is no address in its usual spelling"
    if not sighting.first <= sighting.last <= sent_at:
        return "The times do not come one after the other: first, last, sent_at"
    return ""
