"""What the pages show by which somebody gets an account, or another address. See ``views.py``."""

from counterfoil.server.web.page import Page


class RegisterPage(Page, frozen=True, kw_only=True):
    """Asks for the `email` of a new account; posts it to `action` with `csrf` and `flow`.

    `error` is one sentence about the last attempt. It never tells whether there is an account.
    """

    action: str
    csrf: str
    flow: str = ""
    email: str = ""
    error: str | None = None


class RegisterSentPage(Page, frozen=True, kw_only=True):
    """Says that a mail is on its way to `email`. `onward` is where this browser goes on after."""

    email: str
    minutes: int
    onward: str


class WelcomePage(Page, frozen=True, kw_only=True):
    """Asks for `name`, `new` and `again` for an account; posts to `action` with `csrf` and
    `link`, which says of which link this page is.

    `invited`: an administrator made it. `error` is one sentence about the last attempt.
    """

    action: str
    csrf: str
    link: str
    user_email: str
    name: str = ""
    invited: bool = False
    error: str | None = None


class WelcomedPage(Page, frozen=True, kw_only=True):
    """Says that somebody has their account now, and is signed in."""

    user_email: str


class EmailPage(Page, frozen=True, kw_only=True):
    """Asks for `email`, the new address of an account; posts it to `action` with `csrf`.

    `sentence` says what comes of it; `error` is about the last attempt. `days`: how long the
    address from before can take it back.
    """

    action: str
    csrf: str
    user_email: str
    sentence: str
    days: int
    email: str = ""
    error: str | None = None


class EmailSentPage(Page, frozen=True, kw_only=True):
    """Says that a mail is on its way to `email`, which is not the address yet."""

    user_email: str
    csrf: str
    email: str
    minutes: int


class ConfirmEmailPage(Page, frozen=True, kw_only=True):
    """Asks whether the account of `user_email` gets the address `email`; posts to `action`."""

    action: str
    csrf: str
    user_email: str
    email: str
    sentence: str


class UndoEmailPage(Page, frozen=True, kw_only=True):
    """Asks for `new` and `again`, and takes an account back to `email`; posts to `action`.

    `passkeys` stay, each in words, unless `may_drop` and the form says `passkeys`: `remove`.
    `error` is one sentence about the last attempt.
    """

    action: str
    csrf: str
    link: str
    email: str
    sentence: str
    passkeys: tuple[str, ...] = ()
    may_drop: bool = False
    error: str | None = None
