"""The settings for noticing that somebody is not who they seem to be."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from counterfoil.server.settings.meaning import words
from counterfoil.server.settings.people import People

_SCORE = "([1-9][0-9]?|100)"
SignInRule = Annotated[str, Meta(pattern=f"^(off|(tell|step_up):{_SCORE})$")]
"""What is done about a sign-in from which score on; ``off``: it is not looked for."""
TokenRule = Annotated[str, Meta(pattern=f"^(off|(tell|step_up|end):{_SCORE})$")]
"""What is done about a token."""


class Noticing(People, frozen=True, kw_only=True):
    """A part of the table, on top of another: a struct has one base."""

    places_file: Annotated[
        Path | None,
        words(
            "A file of countries or cities in the MaxMind DB format (`.mmdb`), from which people "
            "are told where something was. Another file in its place is noticed by itself. Without "
            "one only networks are told apart."
        ),
    ] = None
    notice_new_device: Annotated[
        tuple[SignInRule, ...],
        words(
            "What is done about a sign-in in a browser that is not known, beside the event: "
            "`tell:50` sends a letter from a score of 50 on, `step_up:70` asks from 70 on for more "
            "than a password where the person has more. `off`: it is not looked for."
        ),
    ] = ("tell:50",)
    notice_new_place: Annotated[
        tuple[SignInRule, ...], words("The same, for a country or a city that is new.")
    ] = ("tell:50",)
    notice_impossible_travel: Annotated[
        tuple[SignInRule, ...],
        words("The same, for a place that nobody can have come to since the sign-in before."),
    ] = ("tell:50", "step_up:70")
    notice_unusual_time: Annotated[
        tuple[SignInRule, ...],
        words("The same, for an hour or a weekday at which the person never signs in."),
    ] = ()
    notice_failures_before: Annotated[
        tuple[SignInRule, ...],
        words("The same, for a sign-in in a new browser after many wrong passwords or codes."),
    ] = ("tell:60",)
    notice_token_in_two_places: Annotated[
        tuple[TokenRule, ...],
        words(
            "What is done where guards report one token from two places at once, beside the event "
            "and what its client's policy says (`in_two_places`): `tell`, as above; `step_up:…`: "
            "the session in which it was issued signs in anew before it goes on; `end:…`: it ends "
            "with its family."
        ),
    ] = ("tell:70",)
    notice_refreshed_elsewhere: Annotated[
        tuple[TokenRule, ...],
        words(
            "The same, where an app on a person's device refreshes from further away than anybody "
            "travels; `end:…`: it is refused, and its family ends."
        ),
    ] = ("tell:70",)
