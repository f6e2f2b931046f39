"""The settings for noticing that somebody is not who they seem to be."""

from pathlib import Path
from typing import Annotated

from counterfoil.server.settings.meaning import words
from counterfoil.server.settings.people import People


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
