"""What the owner of an API decides about HTTP: scripts, caches, and what the API says of itself."""

from msgspec import Struct

from counterfoil.guard.cors import Cors
from counterfoil.guard.resource_metadata import ResourceMetadata

PRIVATE = "private, no-store"


class Web(Struct, frozen=True, kw_only=True):
    """How a guarded API behaves on the web; ``Options(web=...)``.

    ``cors``: scripts of which origins may call it; ``None`` leaves that to the app. ``metadata``:
    published at its well-known place, and named in every challenge (RFC 9728). ``cache_control``:
    what guarded answers say to caches that do not say it themselves; empty: nothing (S99).
    """

    cors: Cors | None = Cors()
    metadata: ResourceMetadata | None = None
    cache_control: str = PRIVATE
