"""The JWT profile for access tokens: claims and their checks (RFC 9068)."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.oauth.access import scopes_named
from counterfoil.oauth.binding import UNBOUND, Binding, binding_of
from counterfoil.oauth.delegation import Parent
from counterfoil.oauth.numeric_date import NumericDate
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Marks
from counterfoil.oauth.url_binding import TYPE as URL_BOUND
from counterfoil.oauth.url_binding import UrlBound
from counterfoil.oauth.use_limit import TYPE as LIMITED
from counterfoil.oauth.use_limit import MaxUses

TYPE: Final = "at+jwt"
TYPES: Final = (TYPE, URL_BOUND, LIMITED)
"""What ours may be: a token that is bound to a URL has the second, one that works so many times the
third, bound or not."""
LEEWAY: Final = 10
"""Seconds by which ``iat`` or ``nbf`` may lie ahead of our clock (S28); ``exp``: none (S16)."""


class AccessToken(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The claims of an access token.

    ``fam`` and ``gen`` are ours: the handle of the family, and the generations of the client and
    of the API at the time of issue. RFC 9068 §2.2 requires all others up to ``jti``. ``auth_time``
    and ``acr`` say when and how a person signed in (§2.2.1). ``status``
    says where the token's bit stands in a Token Status List; other issuers put other things there.
    ``url_bound``, ours too: the one request for which it is good. ``act`` and ``may_act`` say who
    acts for the subject, and who alone may (RFC 8693 §4.1, §4.4); ``parents``, ours, which tokens
    it was exchanged for: it ends with them. ``max_uses``, ours: how often it is good. ``email`` to
    ``name`` tell of the person, where only the API can read it (OpenID Connect Core §5.1).
    """

    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: NumericDate
    iat: NumericDate
    client_id: str
    jti: str
    scope: str = ""
    fam: str = ""
    gen: tuple[int, int] = (0, 0)
    auth_time: NumericDate | None = None
    acr: object = None
    cnf: Mapping[str, object] | None = None
    nbf: NumericDate | None = None
    status: object = None
    url_bound: UrlBound | None = None
    act: object = None
    may_act: object = None
    parents: tuple[Parent, ...] = ()
    authorization_details: object = None
    email: str | None = None
    email_verified: bool | None = None
    name: str | None = None
    max_uses: MaxUses | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """What the ``scope`` claim names."""
        return scopes_named(self.scope)

    @property
    def binding(self) -> Binding:
        """The key that must be proved together with the token."""
        return UNBOUND if self.cnf is None else binding_of(self.cnf)

    @property
    def type(self) -> str:
        """The ``typ`` of its header (RFC 9068 §2.1)."""
        if self.max_uses is not None:
            return LIMITED
        return TYPE if self.url_bound is None else URL_BOUND

    @property
    def begins_at(self) -> int:
        """The second before which it is not to be used: ``iat``, or a later ``nbf``."""
        return self.iat if self.nbf is None else max(self.iat, self.nbf)

    @property
    def first_issued_at(self) -> int:
        """When it, or the first token that it comes from, was issued: nothing makes it younger."""
        if not self.parents:
            return self.iat
        return min(self.iat, *(parent.issued_at for parent in self.parents))

    def is_for(self, audience: str) -> bool:
        """Whether ``aud`` names this audience, compared exactly."""
        return audience == self.aud if isinstance(self.aud, str) else audience in self.aud

    def marks(self, kid: str) -> Marks:
        """Give the marks by which the token can be ended."""
        audience = self.aud if isinstance(self.aud, str) else " ".join(self.aud)
        client, api = self.gen
        parents = tuple(parent.marks for parent in self.parents)
        return Marks(
            self.jti, self.fam, self.client_id, client, audience, api, kid, self.iat, parents
        )


def access_token_from(payload: bytes | Mapping[str, object]) -> AccessToken | None:
    """Read verified claims; ``None`` where a required one is missing or of the wrong type."""
    try:
        if isinstance(payload, bytes):
            return msgspec.json.decode(payload, type=AccessToken)
        return msgspec.convert(payload, AccessToken)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return None


class Expected(Struct, frozen=True):
    """What a verifier demands of a token's claims; ``leeway`` in seconds."""

    issuer: str
    audience: str | None
    leeway: int = LEEWAY


def check(token: AccessToken, expected: Expected, now: float) -> Reason | None:
    """Check issuer, audience and times (RFC 9068 §4); ``None`` where all is well."""
    if token.iss != expected.issuer:
        return Reason.WRONG_ISSUER
    if expected.audience is not None and not token.is_for(expected.audience):
        return Reason.WRONG_AUDIENCE
    return check_times(token, expected.leeway, now)


def check_times(token: AccessToken, leeway: int, now: float) -> Reason | None:
    """Check ``exp``; ``iat`` and ``nbf`` with ``leeway`` seconds for a clock ahead (S16, S28).

    ``nbf`` is optional (RFC 7519 §4.1.5).
    """
    if now >= token.exp:
        return Reason.EXPIRED
    if token.begins_at > now + leeway:
        return Reason.ISSUED_IN_FUTURE
    return None
