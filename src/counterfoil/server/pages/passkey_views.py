"""What the pages of passkeys show, as frozen values; nothing in them is trusted."""

import msgspec

from counterfoil.server.web.page import Page


class PasskeyForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the script asks of the browser, and where the answer goes.

    Posts `csrf`, `ceremony`, `fields` and `credential`, in JSON, to `action`. `kind` is `get` or
    `create`, `options` what the browser is given, in JSON.
    """

    action: str
    csrf: str
    ceremony: str
    options: str
    kind: str
    fields: tuple[tuple[str, str], ...] = ()


class PasskeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One passkey. Times are text for people; `suspect`: when its count did not go up, if ever."""

    passkey_id: str
    name: str
    made: str
    last_used: str
    synced: bool = False
    suspect: str = ""


class PasskeysPage(Page, frozen=True, kw_only=True):
    """My account, passkeys. `available`: the address of this server allows them."""

    user_email: str
    csrf: str
    passkeys: tuple[PasskeyRow, ...]
    available: bool = True


class NewPasskeyPage(Page, frozen=True, kw_only=True):
    """Asks for a `name`, and has the browser make a passkey; `error`: about the last attempt.

    Where there is no form, none can be made.
    """

    user_email: str
    csrf: str
    passkey: PasskeyForm | None
    name: str = ""
    error: str | None = None


class PasskeyPage(Page, frozen=True, kw_only=True):
    """One passkey. Posts `decision` to `action`: `rename` with `name`, or `remove`.

    `lost` says that its device is. The sentences say before what ends. `only_way_in`: it cannot be
    removed.
    """

    user_email: str
    csrf: str
    action: str
    name: str
    sentence: str
    lost_sentence: str
    only_way_in: bool = False
    error: str | None = None
