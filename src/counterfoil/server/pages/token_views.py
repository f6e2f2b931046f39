"""What the pages of personal tokens show, as frozen values; nothing in them is trusted."""

import msgspec

from counterfoil.server.pages.views import SpanChoice
from counterfoil.server.web.page import Page


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """One token. Times are text for people; `over` says how it came to its end, if it has.

    `found_at` is where somebody says that it was found: a stranger's words, shown as text alone.
    """

    token_id: str
    name: str
    api_name: str
    permissions: tuple[str, ...]
    networks: tuple[str, ...]
    made: str
    until: str
    last_used: str
    over: str = ""
    found_at: str = ""


class OpenApi(msgspec.Struct, frozen=True, kw_only=True):
    """An API for which tokens can be made."""

    uri: str
    name: str


class TokensPage(Page, frozen=True, kw_only=True):
    """My account, tokens: those made by hand, and for which APIs more can be made."""

    user_email: str
    csrf: str
    tokens: tuple[TokenRow, ...]
    apis: tuple[OpenApi, ...]


class TokenPermission(msgspec.Struct, frozen=True, kw_only=True):
    """One scope that a token may have; `value` is what the form's `permission` carries."""

    value: str
    title: str
    chosen: bool = False


class NewTokenPage(Page, frozen=True, kw_only=True):
    """Asks for `name`, `permission` (once for each), `lifetime` in seconds, and `networks`.

    Posts them to `action` with `csrf` and `api`. `error` is one sentence about the last attempt.
    """

    user_email: str
    csrf: str
    action: str
    api: OpenApi
    permissions: tuple[TokenPermission, ...]
    lifetimes: tuple[SpanChoice, ...]
    name: str = ""
    networks: str = ""
    error: str | None = None


class MadeTokenPage(Page, frozen=True, kw_only=True):
    """Shows a new token, this once. `until` is text for people."""

    user_email: str
    csrf: str
    secret: str
    name: str
    api_name: str
    until: str

    def __repr__(self) -> str:
        return "MadeTokenPage(…)"
