"""What NATS is to those who have the feed carried by it: addresses, what may go wrong. No I/O.

Nothing here needs its library, which only whoever uses a carrier has.
"""

from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from counterfoil.net.hidden_url import HIDDEN, HiddenUrl
from counterfoil.net.http import is_loopback

PORT: Final = 4222
_SCHEMES: Final = ("nats", "tls")


class CarrierDown(Exception):
    """The carrier cannot be used at present. The text says why, in one line, without a secret."""


class CarrierFloods(CarrierDown):
    """More comes than is read. To connect again would bring more of it."""


class NatsUrl(HiddenUrl):
    """``tls://host:port``, or ``nats://…``; with a user and a password, or with a token alone.

    What must stay secret travels by TLS, or does not leave this machine. ``repr`` and ``str`` show
    none of it.

    Raises:
        ValueError: it is no such URL. The text repeats nothing of it.
    """

    __slots__ = ()

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise ValueError("Expected a URL") from None
        if parts.scheme not in _SCHEMES or not url.startswith(f"{parts.scheme}://") or not host:
            raise ValueError("Expected tls://host or nats://host")
        if parts.path not in ("", "/") or parts.query or parts.fragment or not url.isprintable():
            raise ValueError(
                "Expected nothing after the host and its port, and a password that spells "
                "'/' %2F, '?' %3F and '#' %23"
            )
        if "@" in parts.netloc and parts.scheme != "tls" and not is_loopback(host):
            raise ValueError("Expected tls:// where there is a password or a token")
        super().__init__(url)

    @property
    def host(self) -> str:
        """The host alone."""
        return urlsplit(self._url).hostname or ""

    @property
    def is_encrypted(self) -> bool:
        """Whether nothing may be said before TLS is spoken."""
        return urlsplit(self._url).scheme == "tls"

    @property
    def bare(self) -> str:
        """The address without what must stay secret."""
        parts = urlsplit(self._url)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{parts.scheme}://{host}:{parts.port or PORT}"

    def login(self) -> dict[str, str]:
        """Give what one introduces oneself with: ``user`` and ``password``, ``token``, nothing."""
        parts = urlsplit(self._url)
        if parts.username is None:
            return {}
        user = unquote(parts.username)
        if parts.password is None:
            return {"token": user}
        return {"user": user, "password": unquote(parts.password)}

    def __str__(self) -> str:
        scheme, _, place = self.bare.partition("://")
        login = self.login()
        shown = {"": "", "token": f"{HIDDEN}@", "user": f"{login.get('user')}:{HIDDEN}@"}
        return f"{scheme}://{shown[next(iter(login), '')]}{place}"


class NatsServers(Struct, frozen=True):
    """Servers of one cluster, any of which will do, and how one introduces oneself to them.

    ``credentials_file``: as NATS writes them (``.creds``). ``ca_file``: who vouches for the
    servers, instead of the usual authorities. ``certificate_file``: a certificate to show, and its
    key, in one file.
    """

    urls: tuple[NatsUrl, ...]
    credentials_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None


class Keeper(Protocol):
    """Where the feed is put to be carried. Everything raises ``CarrierDown`` where it fails."""

    @property
    def longest(self) -> int:
        """How many bytes may be put at once."""

    @property
    def is_open(self) -> bool:
        """Whether there is a connection; if not, there will be none again."""

    async def prepare(self) -> None:
        """Make what is needed to keep the feed, where there is nothing yet."""

    async def last(self) -> str:
        """Up to which position the feed was put here; empty if there is nothing."""

    async def put(self, data: bytes, position: str) -> None:
        """Put some of the feed; whoever goes on from it goes on at ``position``.

        Where that fails, those that listen may have heard it all the same.
        """

    async def close(self) -> None:
        """Let go of it."""


class Listening(Protocol):
    """What a carrier brings. Everything raises ``CarrierDown`` where it fails.

    ``next`` raises ``CarrierFloods`` where more has come than may wait to be read.
    """

    async def replay(self, since: float) -> None:
        """Fetch what was put since a time (seconds since the epoch), to be given first."""

    async def next(self) -> bytes:
        """Wait for the next piece of the feed."""

    async def close(self) -> None:
        """Let go of it."""
