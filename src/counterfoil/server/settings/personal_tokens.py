"""The settings for tokens that people make by hand."""

from typing import Annotated, Final

from counterfoil.server.settings.devices import Devices
from counterfoil.server.settings.meaning import DAY, number, seconds

_MOST: Final = 3650 * DAY


class PersonalTokens(Devices, frozen=True, kw_only=True):
    """A part of the table, on top of another: a struct has one base."""

    personal_token_lifetime: Annotated[
        int,
        seconds("How long a personal token lives, unless its maker says otherwise.", 60, _MOST),
    ] = 30 * DAY
    personal_token_lifetime_most: Annotated[
        int,
        seconds("How long a personal token may live at most; an API may allow less.", 60, _MOST),
    ] = 365 * DAY
    personal_tokens_most: Annotated[
        int, number("Personal tokens that one person may have at once.", 1, 1000)
    ] = 50
