"""What the pages show by which somebody gets back in. See ``pages/views.py``."""

from typing import ClassVar

import msgspec

from counterfoil.server.records.sentence import say
from counterfoil.server.web.page import Page


class ForgottenPage(Page, frozen=True, kw_only=True):
    """Asks for `email`, to which a link is sent; posts it to `action` with `csrf`.

    `error` is one sentence about the last attempt. It never tells whether there is an account.
    """

    action: str
    csrf: str
    email: str = ""
    error: str | None = None


class LinkSentPage(Page, frozen=True, kw_only=True):
    """Says that a link was sent to `email`, if there is such an account. `minutes`: how long it is
    good."""

    email: str
    minutes: int


class NewPasswordPage(Page, frozen=True, kw_only=True):
    """Asks for `new` and `again`; says before what ends. Posts to `action` with `csrf` and `link`,
    which says of which link this page is.

    `passkeys` stay, each in words, unless `may_drop` and the form says `passkeys`: `remove`.
    `error` is one sentence about the last attempt.
    """

    action: str
    csrf: str
    link: str
    user_email: str
    sentence: str
    passkeys: tuple[str, ...] = ()
    may_drop: bool = False
    error: str | None = None


class LinkOverPage(Page, frozen=True, kw_only=True):
    """Says that a link is not good, or is not any more; `again` is where to ask for another."""

    again: str = "/forgotten-password"
    again_title: str = say("Ask for another link")


class CaughtMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message that was caught in development. `link` is the first address in it."""

    to: str
    subject: str
    date: str
    text: str
    link: str = ""


class CaughtMailPage(Page, frozen=True, kw_only=True):
    """The mail that was caught in development, newest first."""

    for_people: ClassVar[bool] = False
    messages: tuple[CaughtMessage, ...]
