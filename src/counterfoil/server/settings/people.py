"""The settings for who gets an account, and by which address they are known."""

from pathlib import Path
from typing import Annotated, Literal

from counterfoil.server.settings.accounts import Accounts
from counterfoil.server.settings.meaning import DAY, MINUTE, seconds, words


class People(Accounts, frozen=True, kw_only=True):
    """A part of the table, on top of another: a struct has one base."""

    registration: Annotated[
        Literal["closed", "invitation", "open"],
        words(
            "Who gets an account: whom an administrator adds (`closed`); the same, and whom was "
            "added may open the account by a provider (`invitation`); whoever proves an address, "
            "too (`open`), which needs mail."
        ),
    ] = "closed"
    invitation_lifetime: Annotated[
        int, seconds("How long the link of an invitation is good.", 60 * MINUTE, 60 * DAY)
    ] = 7 * DAY
    email_undo_lifetime: Annotated[
        int,
        seconds(
            "How long the address from before can take its account back, by a link that is sent "
            "there when it is changed.",
            DAY,
            60 * DAY,
        ),
    ] = 7 * DAY
    breached_passwords_file: Annotated[
        Path | None,
        words(
            "A file of SHA-1 digests of passwords that were stolen elsewhere, sorted, one a line, "
            "as Have I Been Pwned gives them away: nobody can choose one of these."
        ),
    ] = None
    default_language: Annotated[
        Literal["en", "de"],
        words(
            "The language of pages and letters where neither the app, nor the person, nor the "
            "browser asks for one that there is."
        ),
    ] = "en"
