"""In which language a page is read, and the switch at its foot (OpenID Connect Core §3.1.2.1).

What is known by the time that the page is shown decides: nothing is looked up for it.
"""

import re
from typing import Final
from urllib.parse import quote

from msgspec import Struct
from starlette.requests import Request

from counterfoil.server.records.language import LANGUAGES, language_in
from counterfoil.server.web.cookies import Pressed
from counterfoil.server.web.page import Reading
from counterfoil.server.web.reading import path_below
from counterfoil.server.web.server import Server

_BACK: Final = re.compile(r"/[\x21-\x7e]{0,8000}")
"""A path with its query; a form's field holds as much."""


class Wish(Struct, frozen=True):
    """A language that was wished for, and when, in seconds since the epoch."""

    language: str
    at: int = 0


class Wishes(Struct, frozen=True):
    """Who wishes for what: the app, the person, the browser by its switch, and by its header."""

    app: Wish | None
    pressed: Pressed | None
    accepted: str
    default: str
    own: Wish | None = None
    """What the person has chosen for themselves, and when they signed in here."""


def note_app(request: Request, language: str, at: int) -> None:
    """Note the language that the app of this request wishes for, since when.

    A newer version of this server beside us may have known one that we do not speak.
    """
    if language in LANGUAGES:
        request.state.app_language = Wish(language, at)


def note_person(request: Request, language: str, at: int) -> None:
    """Note the language that whoever is signed in has chosen, if it is one, since they are."""
    if language in LANGUAGES:
        request.state.own_language = Wish(language, at)


def reading_of(server: Server, request: Request) -> Reading:
    """Say how whoever sent a request reads."""
    wishes = Wishes(
        getattr(request.state, "app_language", None),
        server.cookies.language_of(request),
        request.headers.get("accept-language", ""),
        server.authority.settings.default_language,
        getattr(request.state, "own_language", None),
    )
    return Reading(chosen(wishes), _back(server, request))


def chosen(wishes: Wishes) -> str:
    """Choose among wishes: the app's, then the person's own, then the browser's.

    Who presses the switch after the app has wished, or after they have signed in, says more.
    """
    pressed = wishes.pressed
    for wish in (wishes.app, wishes.own):
        if wish is not None and (pressed is None or pressed.at < wish.at):
            return wish.language
    if pressed is not None:
        return pressed.language
    return language_in(wishes.accepted) or wishes.default


def _back(server: Server, request: Request) -> str:
    """Give the address below the prefix, where it can be asked for again by a link.

    What answers a form may be shown this once: there the switch would lose it.
    """
    if request.method not in {"GET", "HEAD"}:
        return ""
    path = quote(request.scope["path"], safe="/:@!$&'()*+,;=~", errors="surrogateescape")
    below = path_below(path, server.prefix)
    query: bytes = request.scope.get("query_string", b"")
    back = f"{below}?{query.decode('latin-1')}" if query else below
    return back if _BACK.fullmatch(back) else ""


def is_back(unverified: str) -> bool:
    """Whether it can be an address below the prefix, as the switch carries it."""
    return _BACK.fullmatch(unverified) is not None
