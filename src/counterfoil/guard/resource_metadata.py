"""What an API says of itself to clients that do not know it yet (RFC 9728). Pure."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from counterfoil.guard.given import demand_several
from counterfoil.guard.reply import Reply
from counterfoil.guard.request import Request
from counterfoil.net.http import demand_safe
from counterfoil.oauth.dpop import ALGORITHMS

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
KEPT_FOR: Final = 3600
"""Seconds for which the document may be remembered by caches."""


class ResourceMetadata(Struct, frozen=True, kw_only=True):
    """What is said of the API, beyond what its guard knows.

    ``scopes``: those that clients may want to ask for; never ``offline_access``, which is the
    client's affair. ``name`` is for people; ``documentation``, ``policy_uri`` and ``tos_uri`` are
    pages for them. ``authorization_servers``: where not every trusted issuer is to be offered.

    Raises:
        ValueError: where this cannot be said.
    """

    scopes: tuple[str, ...] = ()
    name: str = ""
    documentation: str = ""
    policy_uri: str = ""
    tos_uri: str = ""
    authorization_servers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        demand_several(self.scopes, "the scopes of ResourceMetadata")
        demand_several(self.authorization_servers, "its authorization_servers")
        if "offline_access" in self.scopes:
            raise ValueError("offline_access is asked for by clients, not demanded by an API")


class _Document(Struct, frozen=True, kw_only=True, omit_defaults=True):
    resource: str
    authorization_servers: tuple[str, ...]
    scopes_supported: tuple[str, ...] = ()
    bearer_methods_supported: Sequence[str]
    resource_name: str = ""
    resource_documentation: str = ""
    resource_policy_uri: str = ""
    resource_tos_uri: str = ""
    tls_client_certificate_bound_access_tokens: bool = False
    dpop_signing_alg_values_supported: Sequence[str]
    dpop_bound_access_tokens_required: bool = False


class Described(Struct, frozen=True, kw_only=True):
    """What a guard knows of its API: whose tokens, and to what they must or may be bound."""

    resource: str
    issuers: tuple[str, ...]
    takes_only_bound: bool = False
    knows_certificates: bool = False


class PublishedMetadata:
    """The document of one API, and where it stands (§3.1).

    Raises:
        ValueError: where the API's resource identifier is no address to build upon (§1.2).
    """

    def __init__(self, said: ResourceMetadata, api: Described) -> None:
        parts = urlsplit(demand_safe(api.resource))
        if parts.query:
            raise ValueError(f"the audience {api.resource!r} must have no query to be described")
        inserted = "" if parts.path == "/" else parts.path
        self.path = WELL_KNOWN + inserted
        self.url = f"{parts.scheme}://{parts.netloc}{self.path}"
        unknown = set(said.authorization_servers) - set(api.issuers)
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))}: the guard does not trust this issuer")
        document = _Document(
            resource=api.resource,
            authorization_servers=said.authorization_servers or api.issuers,
            scopes_supported=said.scopes,
            bearer_methods_supported=("header",),
            resource_name=said.name,
            resource_documentation=said.documentation,
            resource_policy_uri=said.policy_uri,
            resource_tos_uri=said.tos_uri,
            tls_client_certificate_bound_access_tokens=api.knows_certificates,
            dpop_signing_alg_values_supported=ALGORITHMS,
            dpop_bound_access_tokens_required=api.takes_only_bound,
        )
        self._body = msgspec.json.encode(document)

    def answer(self, request: Request) -> Reply | None:
        """Answer whoever asks for the document, and nobody else; the path is compared exactly."""
        if request.path != self.path or request.method not in ("GET", "HEAD"):
            return None
        headers = {
            "content-type": "application/json",
            "cache-control": f"public, max-age={KEPT_FOR}",
        }
        return Reply(status=200, headers=headers, body=self._body)
