"""What is known of a provider: its metadata and keys, fetched seldom (OpenID Connect Discovery).

RFC 8414 too. Nothing that a stranger does makes it fetch more often than stated here.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet
from counterfoil.net.exchange import Exchange, Request
from counterfoil.net.http import BadAnswer, HttpFailure, demand_safe, is_loopback
from counterfoil.oauth.metadata import WrongMetadata, places, read_metadata
from counterfoil.server.upstream.presets import TENANT

T = TypeVar("T")

METADATA_AGE: Final = 3600
"""Seconds after which the metadata is fetched again; keys are, too."""
COOLDOWN: Final = 30
"""Seconds between two fetches that a stranger can ask for: by a ``kid``, or after a failure."""
AT_ONCE: Final = 8
"""So many ask for the same at once, of all whom strangers can make ask."""
UNNAMED: Final = "RS256"
"""The algorithm of a key that names none: what every provider signs with unless it says so."""
_ANY_TENANT: Final = "common"
_TENANT_SHAPE: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class Metadata(Struct, frozen=True, kw_only=True):
    """The members that are used. Empty: the provider does not have it."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    revocation_endpoint: str = ""
    end_session_endpoint: str = ""
    authorization_response_iss_parameter_supported: bool = False

    def address(self, name: str) -> str:
        """Give an endpoint by its member's name.

        Raises:
            BadAnswer: there is none, or one that must not be used.
        """
        url: str = getattr(self, name)
        if not url:
            raise BadAnswer(f"the metadata of {self.issuer} names no {name}")
        return demand_own(self.issuer, url)


def demand_own(issuer: str, url: str) -> str:
    """Give an address back if it may be one of this issuer's.

    This machine's own services are no endpoints of a provider that stands elsewhere.

    Raises:
        BadAnswer: it may not.
    """
    try:
        demand_safe(url)
        if not all("\x21" <= character <= "\x7e" for character in url):
            raise ValueError("an address has no such characters")
        here = is_loopback(urlsplit(url).hostname or "")
        if here and not is_loopback(urlsplit(issuer).hostname or ""):
            raise ValueError("an address of this machine")
    except ValueError as error:
        raise BadAnswer(f"the metadata of {issuer} cannot be used: {error}") from None
    return url


class _Busy(BadAnswer):
    """Nobody was asked: others are at it."""


class Issuer:
    """One provider, as far as it is known. It belongs to one event loop."""

    def __init__(self, issuer: str, clock: Callable[[], float]) -> None:
        self.name: Final = issuer
        self._clock = clock
        self._metadata: tuple[Metadata, float] | None = None
        self._failed: tuple[str, float] | None = None
        self._keys: tuple[KeySet, float] | None = None
        self._keys_failed: tuple[str, float] | None = None
        self._asking: Counter[str] = Counter()

    def metadata(self) -> Exchange[Metadata]:
        """Give the metadata; what stood is used on where it cannot be fetched anew.

        Raises:
            HttpFailure: it was never there, and could not be fetched now, or a moment ago.
        """
        known, now = self._metadata, self._clock()
        if known is not None and now < known[1] + METADATA_AGE:
            return known[0]
        failed = self._failed
        if failed is None or now >= failed[1] + COOLDOWN:
            try:
                metadata = yield from self._among_few("metadata", self._discovered())
            except _Busy:
                if known is None:
                    raise
                return known[0]
            except HttpFailure as error:
                failed = self._failed = str(error), now
            else:
                self._metadata, self._failed = (metadata, now), None
                return metadata
        if known is not None:
            return known[0]
        raise BadAnswer(failed[0])

    def _discovered(self) -> Exchange[Metadata]:
        for place in reversed(places(self.name.replace(TENANT, _ANY_TENANT))):
            answer = yield Request(place)
            if answer.status == 200:
                try:
                    return read_metadata(Metadata, answer.json(), self.name)
                except WrongMetadata as error:
                    raise BadAnswer(str(error)) from None
        raise BadAnswer(f"{self.name} publishes no metadata: is it the issuer?")

    def keys_for(self, unverified: str) -> Exchange[KeySet]:
        """Give the keys; fetched anew where none of them is the one that the token names.

        Raises:
            HttpFailure: they cannot be had.
        """
        known, now = self._keys, self._clock()
        if known is not None:
            is_recent = now < known[1] + METADATA_AGE and _names_one_of(known[0], unverified)
            if is_recent or now < known[1] + COOLDOWN:
                return known[0]
        failed = self._keys_failed
        if failed is not None and now < failed[1] + COOLDOWN:
            # Whoever sends tokens that name the provider must not make us ask it for each.
            raise BadAnswer(failed[0])
        try:
            keys = yield from self._among_few("keys", self._published())
        except _Busy:
            if known is None:
                raise
            return known[0]
        except HttpFailure as error:
            self._keys_failed = str(error), now
            raise
        self._keys, self._keys_failed = (keys, now), None
        return keys

    def _among_few(self, what: str, exchange: Exchange[T]) -> Exchange[T]:
        """Ask, unless so many do already: a provider that hangs would have all who wait for it."""
        if self._asking[what] >= AT_ONCE:
            raise _Busy(f"{self.name} is being asked for its {what} already")
        self._asking[what] += 1
        try:
            return (yield from exchange)
        finally:
            self._asking[what] -= 1

    def _published(self) -> Exchange[KeySet]:
        metadata = yield from self.metadata()
        answer = yield Request(metadata.address("jwks_uri"))
        if answer.status != 200:
            raise BadAnswer(f"{answer.url} answered {answer.status}, not 200")
        try:
            return KeySet.from_jwks(answer.json(), UNNAMED)
        except JoseError as error:
            raise BadAnswer(f"{answer.url}: {error}") from None

    def names(self, unverified_iss: str) -> bool:
        """Whether this is its issuer identifier, or that of one of its tenants."""
        if TENANT not in self.name:
            return unverified_iss == self.name
        before, _, after = self.name.partition(TENANT)
        shape = f"{re.escape(before)}{_TENANT_SHAPE}{re.escape(after)}"
        return re.fullmatch(shape, unverified_iss) is not None

    def of_tenant(self, unverified_tid: object) -> str:
        """Give the issuer identifier that the tokens of a tenant must name.

        Raises:
            BadAnswer: there is no such tenant.
        """
        if TENANT not in self.name:
            return self.name
        issuer = self.name.replace(TENANT, str(unverified_tid))
        if not self.names(issuer):
            raise BadAnswer(f"a token of {self.name} names no tenant")
        return issuer


def _names_one_of(keys: KeySet, unverified: str) -> bool:
    try:
        kid = jwt.unverified_header(unverified).get("kid")
    except JoseError:
        return True
    return kid is None or kid in keys


class Issuers:
    """All that are known to this process, by their issuer identifiers."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, Issuer] = {}

    def named(self, issuer: str) -> Issuer:
        """Give one: providers are added by administrators alone, so there are few."""
        known = self._known.get(issuer)
        if known is None:
            known = self._known[issuer] = Issuer(issuer, self._clock)
        return known
