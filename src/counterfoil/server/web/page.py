"""What a page is to those who serve it: a value that somebody can render, and static files."""

from collections.abc import Mapping
from typing import ClassVar, Protocol

import msgspec

from counterfoil.server.records.language import ENGLISH


class Reading(msgspec.Struct, frozen=True):
    """How a page is read: its language, and where the switch leads back to; "": there is none."""

    language: str = ENGLISH
    back: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What all pages have: where the server is mounted.

    A page that is not ``for_people`` is for those who run the server, and in English.
    """

    for_people: ClassVar[bool] = True
    prefix: str = ""


class Asset(msgspec.Struct, frozen=True):
    """A static file: `version` changes with its content and serves as its ETag."""

    name: str
    media_type: str
    body: bytes
    version: str


class Renderer(Protocol):
    """Turns pages into HTML, and holds the static files that they link to."""

    @property
    def assets(self) -> Mapping[str, Asset]:
        """The static files by name."""

    def render(self, view: Page, reading: Reading) -> str:
        """Give the HTML document of a page, as it is read."""
