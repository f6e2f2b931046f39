"""What the pages of providers show, as frozen values; nothing in them is trusted."""

import msgspec

from counterfoil.server.web.page import Page


class ProviderButton(msgspec.Struct, frozen=True, kw_only=True):
    """A provider by its `name`, and the address from which one is sent there."""

    name: str
    href: str


class LinkedRow(msgspec.Struct, frozen=True, kw_only=True):
    """An account at a provider that signs in here. Times are text for people.

    `last_way`: it cannot be unlinked, for the person could not come in any more.
    """

    identity_id: str
    provider: str
    label: str
    since: str
    last_used: str
    last_way: bool = False
    disabled: bool = False


class LinkedPage(Page, frozen=True, kw_only=True):
    """My account, providers: what is linked, and by which one more can be.

    Posts `identity` to `action`, which unlinks it. `error` is about the last attempt.
    """

    user_email: str
    csrf: str
    action: str
    linked: tuple[LinkedRow, ...]
    available: tuple[ProviderButton, ...]
    error: str | None = None


class LinkPage(Page, frozen=True, kw_only=True):
    """Says which account at which provider is to be linked, and asks; posts `offer` to `action`."""

    user_email: str
    csrf: str
    action: str
    offer: str
    provider: str
    label: str
