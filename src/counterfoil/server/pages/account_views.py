"""What the pages of "my account" show that are about the person; nothing in them is trusted."""

import msgspec

from counterfoil.server.web.page import Page


class ProfilePage(Page, frozen=True, kw_only=True):
    """What is known of the person; times are text for people. Posts `name` and `language`.

    `error` is one sentence about the last attempt; `saved`: it has just been changed.
    """

    user_email: str
    csrf: str
    action: str
    name: str
    own_language: str
    since: str
    longest: int
    may_delete: bool = False
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


class NotMePage(Page, frozen=True, kw_only=True):
    """Asks for `current`, `new` and `again`, and posts them with `about` to `action`.

    `what` is the thing that was not the person, in words; `error` is about the last attempt. Who
    has no password is asked for none.
    """

    user_email: str
    csrf: str
    action: str
    about: str
    what: str
    sentence: str
    error: str | None = None
    has_password: bool = True


class DataPage(Page, frozen=True, kw_only=True):
    """Offers a copy of what is kept of the person; posts to `action`."""

    user_email: str
    csrf: str
    action: str


class DeletePage(Page, frozen=True, kw_only=True):
    """Says what ends with the account, and asks for `email` as a confirmation.

    `refused` says why it cannot be deleted, if so; `error` is about the last attempt.
    """

    user_email: str
    csrf: str
    action: str
    sentence: str
    refused: str = ""
    error: str | None = None


class GonePage(Page, frozen=True, kw_only=True):
    """Says that the account is deleted, with the receipt: a position in the feed of endings."""

    sentence: str
    receipt: str


class DeviceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A browser with the `apps` that are signed in in it, or an app that goes on without one.

    `kind` and `name` say what ends it: `/account/end/{kind}/{name}`. Times are text for people.
    `asleep`: the browser has to sign in anew. `offline`: the app goes on after a sign-out.
    `remembered`: until when the browser is remembered; of one that is signed in nowhere `kind` is
    `remembered`, and it ends by being forgotten.
    """

    kind: str
    name: str
    title: str
    since: str
    last_used: str
    apps: "tuple[DeviceRow, ...]" = ()
    current: bool = False
    asleep: bool = False
    offline: bool = False
    remembered: str = ""


class DeviceGroup(msgspec.Struct, frozen=True, kw_only=True):
    """What comes from one kind of device at one place."""

    device: str
    place: str
    last_used: str
    rows: tuple[DeviceRow, ...]


class DevicesPage(Page, frozen=True, kw_only=True):
    """My account, devices: where the person is signed in, and what ends it."""

    user_email: str
    user_id: str
    csrf: str
    groups: tuple[DeviceGroup, ...]


class ActivityRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, in words. `where` is empty where it says nothing of the person.

    `number` is the event's; `own`: somebody did it in the person's name, and it may not have been
    them.
    """

    number: int
    sentence: str
    at: str
    by: str
    where: str = ""
    own: bool = False


class ActivityPage(Page, frozen=True, kw_only=True):
    """My account, activity: newest first. `older` and `newest` are addresses, or empty."""

    user_email: str
    csrf: str
    rows: tuple[ActivityRow, ...]
    older: str = ""
    newest: str = ""
