"""Where the database of PostgreSQL is: an address that may hold a password, and shows none."""

from typing import Final
from urllib.parse import unquote, urlsplit

from counterfoil.net.hidden_url import HIDDEN, HiddenUrl

_SCHEMES: Final = ("postgresql", "postgres")


class DatabaseUrl(HiddenUrl):
    """A URL as libpq takes it. Its ``repr`` and ``str`` show no password.

    Raises:
        ValueError: it is no such URL. The text repeats nothing of it.
    """

    __slots__ = ()

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
        except ValueError:
            raise ValueError("Expected a URL") from None
        if parts.scheme not in _SCHEMES or not url.startswith(f"{parts.scheme}://"):
            raise ValueError("Expected postgresql://user@host/database")
        if parts.fragment or any(letter.isspace() for letter in url):
            raise ValueError("Expected a URL without spaces and '#': spell them %20 and %23")
        if "@" in parts.path + parts.query:  # or else the password ended at the first of them
            raise ValueError("Expected a password that spells '/' %2F, '?' %3F and '@' %40")
        super().__init__(url)

    def reveal(self) -> str:
        """Give the whole URL, for the one who connects."""
        return self._url

    def __str__(self) -> str:
        parts = urlsplit(self._url)
        user, at, hosts = parts.netloc.rpartition("@")
        name, colon, _ = user.partition(":")
        user = f"{name}:{HIDDEN}" if colon else name
        query = "?" + "&".join(map(_shown, parts.query.split("&"))) if parts.query else ""
        return f"{parts.scheme}://{user}{at}{hosts}{parts.path}{query}"


def _shown(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    return f"{name}={HIDDEN}" if equals and "passw" in unquote(name).lower() else parameter
