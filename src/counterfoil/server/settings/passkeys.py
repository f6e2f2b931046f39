"""The settings for passkeys."""

from typing import Annotated

from counterfoil.server.settings.meaning import DAY, MINUTE, number, seconds
from counterfoil.server.settings.personal_tokens import PersonalTokens


class Passkeys(PersonalTokens, frozen=True, kw_only=True):
    """A part of the table, on top of another: a struct has one base."""

    passkeys_most: Annotated[int, number("Passkeys that one person may have.", 1, 100)] = 20
    passkey_ceremony_lifetime: Annotated[
        int,
        seconds(
            "How old a page may be from which somebody signs in by passkey, or adds one.",
            30,
            DAY,
        ),
    ] = 10 * MINUTE
