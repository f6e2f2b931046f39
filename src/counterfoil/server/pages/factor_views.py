"""What the pages of second factors show, as frozen values; nothing in them is trusted."""

import msgspec

from counterfoil.server.pages.passkey_views import PasskeyForm
from counterfoil.server.web.page import Page


class SecondFactorPage(Page, frozen=True, kw_only=True):
    """Asks for a passkey, `code`, or `recovery_code`; posts a code to `action` with `csrf`, `flow`.

    `fields` are carried along, name and value. `authenticator`: an app is set up, and its code will
    do. `mail` is where a code by mail is asked for; empty: there is none. `other_account` is where
    somebody else signs in, below the prefix. `error` is one sentence about the last attempt.
    """

    action: str
    csrf: str
    flow: str
    fields: tuple[tuple[str, str], ...]
    user_email: str
    other_account: str
    authenticator: bool
    passkey: PasskeyForm | None = None
    mail: str = ""
    error: str | None = None


class MailedCodePage(Page, frozen=True, kw_only=True):
    """Asks for the `code` that was sent by mail; posts it to `action`.

    `csrf`, `flow` and `fields` go along. `again` is where another one is sent from. `back`, below
    the prefix, is called `back_title`.
    """

    action: str
    again: str
    csrf: str
    flow: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    user_email: str
    back: str
    back_title: str
    error: str | None = None


class QrCode(msgspec.Struct, frozen=True):
    """A QR code to be drawn: `size` modules in each direction, `path` the dark ones."""

    size: int
    path: str

    def __repr__(self) -> str:
        return "QrCode(…)"


class NewAuthenticatorPage(Page, frozen=True, kw_only=True):
    """Shows the secret of a new authenticator app, and asks for the `code` that the app shows.

    Posts it to `action` with `csrf`, `flow`, `fields` and `setup`, the sealed secret. `sentence`
    says before what ends. `demanded`: nobody comes in without one.
    """

    action: str
    csrf: str
    flow: str
    fields: tuple[tuple[str, str], ...]
    setup: str
    user_email: str
    qr: QrCode
    secret: str
    sentence: str
    demanded: bool
    error: str | None = None

    def __repr__(self) -> str:
        return "NewAuthenticatorPage(…)"


class RecoveryCodesPage(Page, frozen=True, kw_only=True):
    """Shows new recovery codes, this once. `onward` is where one goes on, below the prefix."""

    codes: tuple[str, ...]
    onward: str
    sentence: str

    def __repr__(self) -> str:
        return "RecoveryCodesPage(…)"
