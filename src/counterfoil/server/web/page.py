"""What a page is to those who serve it: a value that somebody can render, and static files."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What all pages have: where the server is mounted."""

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

    def render(self, view: Page) -> str:
        """Give the HTML document of a page."""
