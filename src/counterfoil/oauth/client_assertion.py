"""Client assertions: a client proves who it is by a signature (RFC 7523 §2.2, §3).

As draft-ietf-oauth-rfc7523bis has it: made for one authorization server, which is named by its
issuer identifier and by nothing else. Both sides: a client makes one, a server judges it.
"""

import hashlib
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.jose import algorithms
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jwt import NO_TYP, Signer, Verifier, unverified_claims
from counterfoil.jose.keys import KeySet, PrivateKey

METHOD: Final = "private_key_jwt"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""The value of ``client_assertion_type`` (RFC 7523 §2.2)."""
ALGORITHMS: Final = tuple(algorithms.ALGORITHMS)
TYPE: Final = "client-authentication+jwt"
"""The ``typ`` of what we make (rfc7523bis); others may make one without it, or plain ``JWT``."""
LIFETIME: Final = 60
"""Seconds for which what we make is good."""
LONGEST: Final = 300
"""Seconds that ``exp`` may lie ahead: so long a used one must be remembered."""
SKEW: Final = 10
"""Seconds by which two clocks may differ."""
KEPT: Final = SKEW + 60
"""Seconds past ``exp`` for which a used one is remembered; the last minute is for clocks set back.
"""
MAX_BYTES: Final = 4096
MAX_JTI: Final = 256
_JTI_BYTES: Final = 16


class WrongAssertion(Exception):
    """An assertion was not accepted. The text says why, and holds no piece of it."""


class Claims(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The claims of an assertion (RFC 7523 §3). Times in seconds since the epoch."""

    iss: str
    sub: str
    aud: str
    jti: str
    exp: float
    iat: float | None = None
    nbf: float | None = None


class Assertion(Struct, frozen=True):
    """A genuine assertion of a client to this server. Whether it is timely is yet to be asked.

    ``thumbprint`` is that of the key that signed it (RFC 7638).
    """

    client_id: str
    thumbprint: str
    claims: Claims

    @property
    def id(self) -> bytes:
        """By what its use is remembered: no other client can use it up, however ``jti`` is chosen.

        No ``client_id`` holds a space.
        """
        named = f"client assertion {self.client_id} {self.claims.jti}"
        return hashlib.sha256(named.encode("utf-8", "replace")).digest()

    @property
    def kept_until(self) -> int:
        """Until when its use must be remembered, in seconds since the epoch."""
        return int(self.claims.exp) + KEPT + 1

    def demand_timely(self, now: float) -> None:
        """Demand that it is good now, and was not made in stock (§3: ``exp``, ``nbf``, ``iat``).

        Raises:
            WrongAssertion: with what is wrong.
        """
        claims = self.claims
        if not now - SKEW < claims.exp:
            raise WrongAssertion("The client assertion has expired.")
        if claims.exp > now + LONGEST + SKEW:
            raise WrongAssertion(f"The client assertion's exp lies more than {LONGEST} s ahead.")
        if max(claims.nbf or 0, claims.iat or 0) > now + SKEW:
            raise WrongAssertion("The client assertion is not good yet, or the clocks differ.")


def client_id_in(unverified: str) -> str:
    """Give the client that an assertion is said to be of; nothing of it is believed yet.

    Raises:
        WrongAssertion: it is no assertion.
    """
    try:
        _demand_short(unverified)
        claimed = unverified_claims(unverified).get("sub")
    except JoseError:
        raise WrongAssertion("The client assertion is not well formed.") from None
    if not isinstance(claimed, str) or not claimed:
        raise WrongAssertion("The client assertion's sub must be the client_id.")
    return claimed


def read_assertion(unverified: str, keys: KeySet, client_id: str, issuer: str) -> Assertion:
    """Check an assertion against a client's own keys: all but time and reuse (RFC 7523 §3).

    Each key is pinned to one algorithm; what the header says of keys is not looked at, but for the
    name of one.

    Raises:
        WrongAssertion: with what is wrong.
    """
    try:
        _demand_short(unverified)
        verified = Verifier(keys, (TYPE, "JWT", NO_TYP), max_bytes=MAX_BYTES).verify(unverified)
        claims = msgspec.convert(verified.claims, Claims)
    except JoseError as error:
        raise WrongAssertion(f"The client assertion: {error}") from None
    except msgspec.ValidationError:
        sentence = "The client assertion lacks iss, sub, aud, exp or jti, or one is wrong."
        raise WrongAssertion(sentence) from None
    if not claims.iss == claims.sub == client_id:
        raise WrongAssertion("The client assertion's iss and sub must both be the client_id.")
    if claims.aud != issuer:
        raise WrongAssertion("The client assertion's aud must be the issuer, and nothing else.")
    if not 0 < len(claims.jti) <= MAX_JTI:
        raise WrongAssertion(f"The client assertion's jti must have 1 to {MAX_JTI} characters.")
    return Assertion(client_id, keys[verified.kid].thumbprint, claims)


def _demand_short(unverified: str) -> None:
    if len(unverified) > MAX_BYTES:
        raise WrongAssertion(f"The client assertion is longer than {MAX_BYTES} characters.")


class AssertionMaker:
    """Makes a client's assertions to one server: a new one for every request.

    ``random`` gives so many random bytes.
    """

    def __init__(
        self, key: PrivateKey, client_id: str, issuer: str, random: Callable[[int], bytes]
    ) -> None:
        self._signer = Signer(key, TYPE)
        self._client_id = client_id
        self._issuer = issuer
        self._random = random

    def make(self, now: float) -> str:
        """Make one that is good from ``now``, in seconds since the epoch."""
        claims = Claims(
            iss=self._client_id,
            sub=self._client_id,
            aud=self._issuer,
            jti=self._random(_JTI_BYTES).hex(),
            iat=int(now),
            exp=int(now) + LIFETIME,
        )
        return self._signer.sign(claims)
