"""The marker: a cookie without any secret that tells sibling sites that someone is signed in.

``www.example`` reads it with a script and sends the person on to ``app.www.example`` (S101).
"""

from typing import Final

from msgspec import Struct

from counterfoil.bff.cookies import Setting

_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
VALUE: Final = "1"


class MarkerCookie(Struct, frozen=True):
    """``domain`` is shared by the app and the sites that may know: ``shop.example``.

    Anyone there can set or remove it, and scripts can read it. So it says nothing but that
    somebody was signed in, and nothing is allowed because of it.

    Raises:
        ValueError: the domain or the name cannot be one.
    """

    domain: str
    name: str = "signed_in"

    def __post_init__(self) -> None:
        labels = self.domain.lstrip(".").split(".")
        if len(labels) < 2 or not all(label and set(label) <= _NAME for label in labels):
            raise ValueError(f"{self.domain!r} is no domain such as shop.example")
        if not self.name or not set(self.name) <= _NAME or self.name.startswith("__"):
            raise ValueError(f"{self.name!r} is no name for a cookie")

    def demand_covers(self, host: str) -> None:
        """Let only a host pass that may set it.

        Raises:
            ValueError: a browser would not take it from this host.
        """
        domain = self.domain.lstrip(".")
        if host != domain and not host.endswith(f".{domain}"):
            raise ValueError(f"a marker for {domain} cannot be set by {host}")

    def shown(self, *, secure: bool) -> Setting:
        """Write the header that sets it, until the browser is closed."""
        return self._set(VALUE, secure=secure)

    def removed(self, *, secure: bool) -> Setting:
        """Write the header that removes it."""
        return self._set("", "; Max-Age=0", secure=secure)

    def _set(self, value: str, more: str = "", *, secure: bool) -> Setting:
        attributes = f"Domain={self.domain.lstrip('.')}; Path=/; SameSite=Lax"
        protection = "; Secure" if secure else ""
        return ("set-cookie", f"{self.name}={value}; {attributes}{protection}{more}")
