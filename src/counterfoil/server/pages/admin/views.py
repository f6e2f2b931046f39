"""What the admin pages show. Two templates serve all nouns: a list, and one thing.

Every string is untrusted text. ``href`` is an address of ours, complete.
"""

from typing import ClassVar

from msgspec import Struct

from counterfoil.server.pages.views import ExplainingPage, SpanChoice
from counterfoil.server.web.page import Page


class Frame(Struct, frozen=True, kw_only=True):
    """What stands around every admin page: who is signed in, and the rooms, one of them here."""

    user_email: str
    csrf: str
    here: str
    rooms: tuple[tuple[str, str], ...]


class Row(Struct, frozen=True, kw_only=True):
    """One line of a list. ``facts`` are names with their values; empty values are left out."""

    name: str
    href: str | None = None
    facts: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()


class Verb(Struct, frozen=True, kw_only=True):
    """Something that can be done to a thing: a link to the page that asks."""

    says: str
    label: str
    href: str


class AdminListPage(Page, frozen=True, kw_only=True):
    """A part of a list. ``after`` leads to the part after, ``first`` back to the beginning.

    ``adds`` leads to where one is added.
    """

    for_people: ClassVar[bool] = False
    frame: Frame
    title: str
    lead: str
    rows: tuple[Row, ...]
    after: str | None = None
    first: str | None = None
    adds: Verb | None = None


class Group(Struct, frozen=True, kw_only=True):
    """What belongs to a thing. ``more`` leads to all of it where this is a part."""

    title: str
    rows: tuple[Row, ...]
    more: str | None = None


class AdminThingPage(Page, frozen=True, kw_only=True):
    """One thing: what is known of it, what belongs to it, and what can be ended."""

    for_people: ClassVar[bool] = False
    frame: Frame
    kind: str
    title: str
    facts: tuple[tuple[str, str], ...]
    tags: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    verbs: tuple[Verb, ...] = ()
    deeds: tuple[Verb, ...] = ()
    """What else can be done: nothing ends by it."""
    deeds_title: str = "Let in"


class AdminEndPage(Page, frozen=True, kw_only=True):
    """Says what will end, and asks. Posts ``csrf``, ``kind`` and ``name`` to ``action``.

    ``nothing``: it has ended already. ``here``: this browser is signed out by it.
    """

    for_people: ClassVar[bool] = False
    frame: Frame
    action: str
    back: str
    title: str
    kind: str
    name: str
    sentence: str
    nothing: bool = False
    here: bool = False


class AdminSendPage(Page, frozen=True, kw_only=True):
    """Asks whether a link is sent to somebody, or says that it is. Posts ``csrf`` to ``action``."""

    for_people: ClassVar[bool] = False
    frame: Frame
    action: str
    back: str
    title: str
    sentence: str
    email: str
    sent: bool = False
    error: str | None = None


class AdminInvitePage(Page, frozen=True, kw_only=True):
    """Asks for ``email`` and ``name`` of somebody new. Posts to ``action``.

    ``closed``: nobody is invited here.
    """

    for_people: ClassVar[bool] = False
    frame: Frame
    action: str
    back: str
    closed: bool = False
    email: str = ""
    name: str = ""
    error: str | None = None


class MintableScope(Struct, frozen=True, kw_only=True):
    """One permission that a client may be let mint, of one API."""

    value: str
    title: str
    api_name: str
    chosen: bool = False


class AdminMintRightPage(Page, frozen=True, kw_only=True):
    """Asks for whom a client may mint, what, and until when. Posts to ``action``.

    Posts ``users`` (email addresses), ``any_user``, ``permission`` (repeatable), ``longest``
    (seconds) and ``until`` (the last day). ``refused``: why the client can have none.
    """

    for_people: ClassVar[bool] = False
    frame: Frame
    action: str
    back: str
    client_name: str
    permissions: tuple[MintableScope, ...]
    lifetimes: tuple[SpanChoice, ...]
    refused: str = ""
    users: str = ""
    any_user: bool = False
    until: str = ""
    first_day: str = ""
    last_day: str = ""
    error: str | None = None


class AdminExplainPage(ExplainingPage, frozen=True, kw_only=True):
    """Explains any token, to an administrator."""

    for_people: ClassVar[bool] = False
