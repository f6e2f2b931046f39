"""The settings for what people may do with their own accounts."""

from typing import Annotated

from counterfoil.server.settings.meaning import words
from counterfoil.server.settings.remembering import Remembering


class Accounts(Remembering, frozen=True, kw_only=True):
    """A part of the table, on top of another: a struct has one base."""

    account_deletion: Annotated[
        bool,
        words("Let people delete their own accounts. Administrators can in either case."),
    ] = True
