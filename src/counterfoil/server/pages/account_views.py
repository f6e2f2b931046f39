"""What the pages of "my account" show that are about the person; nothing in them is trusted."""

import msgspec

from counterfoil.server.web.page import Page


class ProfilePage(Page, frozen=True, kw_only=True):
    """What is known of the person. Posts `name` to `action`. Times are text for people.

    `error` is one sentence about the last attempt; `saved`: it has just been changed.
    """

    user_email: str
    csrf: str
    action: str
    name: str
    since: str
    longest: int
    error: str | None = None
    saved: bool = False


class SecurityRow(msgspec.Struct, frozen=True, kw_only=True):
    """One way to prove who one is: how it stands, and where it is changed.

    `verb` is the text of the link to `path`, which is below `/account/`.
    """

    title: str
    state: str
    path: str
    verb: str


class SecurityPage(Page, frozen=True, kw_only=True):
    """My account, security: how the person proves who they are."""

    user_email: str
    csrf: str
    rows: tuple[SecurityRow, ...]
