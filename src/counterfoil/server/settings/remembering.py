"""The settings for what browsers are known by, beside the session that they have."""

from typing import Annotated

from counterfoil.server.settings.meaning import number
from counterfoil.server.settings.second_factors import SecondFactorSettings


class Remembering(SecondFactorSettings, frozen=True, kw_only=True):
    """A part of the table, on top of another: a struct has one base."""

    known_browser_tries: Annotated[
        int,
        number(
            "Passwords that are looked at while an account is locked, if they come from a browser "
            "that has signed in to it before: nobody else can keep its owner out.",
            0,
            20,
            "an hour",
        ),
    ] = 5
