"""What the owner of an API decides about HTTP: scripts, caches, and what the API says of itself."""

from typing import Final

from msgspec import Struct

from counterfoil.guard.client_certificate import ClientCertificates
from counterfoil.guard.cookies import HOST_ONLY
from counterfoil.guard.cors import Cors
from counterfoil.guard.resource_metadata import ResourceMetadata
from counterfoil.guard.sessions import Sessions

PRIVATE: Final = "private, no-store"


class Web(Struct, frozen=True, kw_only=True):
    """How a guarded API behaves on the web; ``Options(web=...)``.

    ``cors``: scripts of which origins may call it; ``None`` leaves that to the app. ``metadata``:
    published at its well-known place, and named in every challenge (RFC 9728). ``cache_control``:
    what guarded answers say to caches that do not say it themselves; empty: nothing (S99).
    ``certificates``: how proxies hand on what clients have shown in TLS. ``browser_cookie``: the
    cookie, of prefix ``__Host-``, to which tokens of one browser are bound (S61). ``sessions``:
    the API's own, which count at the same endpoints.

    Raises:
        ValueError: where this cannot work.
    """

    cors: Cors | None = Cors()
    metadata: ResourceMetadata | None = None
    cache_control: str = PRIVATE
    certificates: ClientCertificates | None = None
    browser_cookie: str = ""
    sessions: Sessions | None = None

    def __post_init__(self) -> None:
        if self.browser_cookie and not self.browser_cookie.startswith(HOST_ONLY):
            raise ValueError(f"a browser's cookie has a name that begins with {HOST_ONLY}")
