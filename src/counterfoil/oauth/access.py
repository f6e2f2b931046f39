"""What is asked for and what is granted: one value that travels whole (RFC 6749 §3.3, RFC 8707)."""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.errors import invalid_scope, invalid_target
from counterfoil.oauth.limits import Limit, narrowest

OPENID_SCOPES: Final = frozenset({"openid", "profile", "email", "offline_access"})
_NONE: Final = frozenset[str]()
_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")

Catalogue = Mapping[str, frozenset[str]]
"""Every API's resource identifier with the scopes that it owns."""


class Access(Struct, frozen=True, omit_defaults=True):
    """Scopes per API (by resource identifier), and the OpenID scopes of the server itself.

    ``limits``: what may be done with all of it (RFC 9396); ``None``: nothing was said of that.
    """

    apis: Mapping[str, frozenset[str]] = {}
    openid: frozenset[str] = frozenset()
    limits: tuple[Limit, ...] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return not self.openid and not self.apis

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope, whoever owns it."""
        return self.openid.union(*self.apis.values())

    @property
    def scope(self) -> str:
        """The ``scope`` parameter: sorted, separated by spaces (RFC 6749 §3.3)."""
        return " ".join(sorted(self.scopes))

    def covers(self, other: "Access") -> bool:
        """Whether all scopes of ``other`` stand in this access. Limits are not asked for."""
        return other.openid <= self.openid and all(
            uri in self.apis and scopes <= self.apis[uri] for uri, scopes in other.apis.items()
        )

    def narrowed_to(self, other: "Access") -> "Access":
        """Give what stands in both."""
        apis = {
            uri: both
            for uri, scopes in self.apis.items()
            if (both := scopes & other.apis.get(uri, _NONE))
        }
        return Access(apis, self.openid & other.openid, narrowest(self.limits, other.limits))

    def widened_by(self, other: "Access") -> "Access":
        """Give the scopes that stand in either: limits of one are none of both, and left out."""
        apis = dict(self.apis)
        for uri, scopes in other.apis.items():
            apis[uri] = apis.get(uri, _NONE) | scopes
        return Access(apis, self.openid | other.openid)

    def without(self, other: "Access") -> "Access":
        """Give what stands in this and not in ``other``."""
        apis = {
            uri: left
            for uri, scopes in self.apis.items()
            if (left := scopes - other.apis.get(uri, _NONE))
        }
        return Access(apis, self.openid - other.openid, self.limits)

    def limited_to_scopes(self, scopes: frozenset[str]) -> "Access":
        """Give what is left when only ``scopes`` are wanted."""
        apis = {uri: left for uri, own in self.apis.items() if (left := own & scopes)}
        return Access(apis, self.openid & scopes, self.limits)

    def at(self, resource: str) -> "Access":
        """Give what a token for this one API may carry, beside the OpenID scopes."""
        apis = {resource: self.apis[resource]} if resource in self.apis else {}
        return replace(self, apis=apis)


def is_scope(name: str) -> bool:
    """Whether this can be the name of one scope (RFC 6749 §3.3)."""
    return _SCOPE_TOKEN.fullmatch(name) is not None


def scopes_named(claim: str) -> frozenset[str]:
    """Read a ``scope`` claim: split at spaces and nothing else (RFC 6749 §3.3)."""
    return frozenset(claim.split(" ")) - {""}


def scopes_in(scope: str | None) -> frozenset[str]:
    """Read a ``scope`` parameter (RFC 6749 §3.3).

    Raises:
        OAuthError: ``invalid_scope`` where a scope holds a character that none may hold.
    """
    scopes = frozenset((scope or "").split(" ")) - {""}
    for name in scopes:
        if not is_scope(name):
            raise invalid_scope("The parameter scope holds characters that no scope may hold.")
    return scopes


def asked(scopes: frozenset[str], resources: Iterable[str], catalogue: Catalogue) -> Access:
    """Find the API that each scope is asked of (RFC 8707 §2).

    Without ``resources`` it is the one API that owns all asked scopes.

    Raises:
        OAuthError: ``invalid_target`` for an unknown or ambiguous resource, ``invalid_scope``
            for a scope that no named API owns.
    """
    openid, rest = scopes & OPENID_SCOPES, scopes - OPENID_SCOPES
    named = tuple(dict.fromkeys(resources))
    for resource in named:
        _demand_resource(resource, catalogue)
    if not named and rest:
        named = (_owner_of(rest, catalogue),)
    apis = {uri: catalogue[uri] & rest for uri in named}
    unowned = rest.difference(*apis.values())
    if unowned:
        raise invalid_scope(f"No API that was named knows the scope {min(unowned)}.")
    return Access({uri: own for uri, own in apis.items() if own}, openid)


def _demand_resource(resource: str, catalogue: Catalogue) -> None:
    try:
        parts = urlsplit(resource)
    except ValueError:
        parts = urlsplit("")
    if not parts.scheme or "#" in resource:
        raise invalid_target("The parameter resource is not an absolute URI without a fragment.")
    if resource not in catalogue:
        raise invalid_target("The parameter resource names no API that may be asked for here.")


def _owner_of(scopes: frozenset[str], catalogue: Catalogue) -> str:
    owners = [uri for uri, own in catalogue.items() if scopes <= own]
    if len(owners) == 1:
        return owners[0]
    unknown = scopes.difference(*catalogue.values())
    if unknown:
        raise invalid_scope(f"The scope {min(unknown)} is not known here.")
    why = "more than one API owns" if owners else "no single API owns"
    raise invalid_target(f"Name the API with the parameter resource: {why} all asked scopes.")
