"""DPoP: a proof, made for one request, that its sender holds a key (RFC 9449 §4)."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.jose import algorithms, proof
from counterfoil.jose.errors import JoseError
from counterfoil.oauth.binding import Binding
from counterfoil.oauth.reasons import Reason, meaning_of
from counterfoil.oauth.target_uri import normalised

METHOD: Final = "jkt"
SCHEME: Final = "DPoP"
"""The scheme in ``Authorization``, and the ``token_type`` (§5, §7.1)."""
ALGORITHMS: Final = tuple(algorithms.ALGORITHMS)
AGE: Final = 60
"""Seconds for which a proof is good after it was made (§11.1)."""
AHEAD: Final = 10
"""Seconds by which the maker's clock may be ahead of ours."""
KEPT: Final = AGE + AHEAD + 60
"""Seconds for which a used proof must be remembered; the last minute is for clocks set back."""
MAX_JTI: Final = 256
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class NotProved(Exception):
    """A proof was not accepted. ``reason`` is for programs; the text is a sentence for the caller.

    It never holds a piece of the proof.
    """

    def __init__(self, reason: Reason, sentence: str = "") -> None:
        super().__init__(sentence or meaning_of(reason).sentence)
        self.reason = reason


class Claims(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The claims of a proof (§4.2). ``iat`` in seconds since the epoch."""

    jti: str
    htm: str
    htu: str
    iat: float
    ath: str | None = None
    nonce: str | None = None


class Target(Struct, frozen=True):
    """The request that a proof must have been made for; ``url`` as the client sees it.

    ``access_token`` is the one that comes with it, if any.
    """

    method: str
    url: str
    access_token: str | None = None


class Proof(Struct, frozen=True):
    """A genuine proof for this request. Whether it is timely and unused is yet to be asked."""

    thumbprint: str
    jti: str
    issued_at: float
    nonce: str | None

    @property
    def binding(self) -> Binding:
        """The key that was proved."""
        return Binding(METHOD, self.thumbprint)

    @property
    def id(self) -> bytes:
        """By what its use is remembered: no other key can use it up, however ``jti`` is chosen."""
        return hashlib.sha256(f"{self.thumbprint}.{self.jti}".encode()).digest()

    def demand_timely(self, now: float) -> None:
        """Demand that it was made just now, in seconds since the epoch (§4.3 step 11).

        Raises:
            NotProved: ``proof_expired``.
        """
        if not now - AGE <= self.issued_at <= now + AHEAD:
            raise NotProved(
                Reason.PROOF_EXPIRED,
                f"The DPoP proof's iat is not within the last {AGE} seconds by the server's clock.",
            )


def read_proof(unverified: Sequence[str], target: Target) -> Proof:
    """Check the one proof in the values of the ``DPoP`` header, all but time and reuse (§4.3).

    Raises:
        NotProved: ``proof_missing``, ``proof_invalid`` or ``proof_mismatch``.
    """
    if not unverified:
        raise NotProved(Reason.PROOF_MISSING)
    if len(unverified) > 1:
        raise _invalid("The request has more than one DPoP header.")
    try:
        proved = proof.verify(unverified[0])
        claims = msgspec.convert(proved.claims, Claims)
    except JoseError as error:
        raise _invalid(f"The DPoP proof: {error}") from None
    except msgspec.ValidationError:
        raise _invalid("The DPoP proof lacks jti, htm, htu or iat, or one is wrong.") from None
    if not 0 < len(claims.jti) <= MAX_JTI:
        raise _invalid(f"The DPoP proof's jti must have 1 to {MAX_JTI} characters.")
    _demand_made_for(claims, target)
    return Proof(proved.thumbprint, claims.jti, claims.iat, claims.nonce)


def _demand_made_for(claims: Claims, target: Target) -> None:
    if claims.htm != target.method:
        raise _mismatch("htm is not the method")
    # A request whose own URL is not clear (``""``) is like no proof, not like one without a URL.
    if not target.url or claims.htu != target.url:
        named = normalised(claims.htu)
        if named is None or named != normalised(target.url):
            raise _mismatch("htu is not the URL")
    if target.access_token is not None:
        hashed = (claims.ath or "").encode("utf-8", "replace")
        if not hmac.compare_digest(hashed, ath_of(target.access_token).encode("ascii")):
            raise NotProved(
                Reason.PROOF_MISMATCH, "The DPoP proof's ath is not the hash of the access token."
            )


def ath_of(access_token: str) -> str:
    """Give the SHA-256 of an access token, base64url (§4.2)."""
    digest = hashlib.sha256(access_token.encode("utf-8", "replace")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def is_thumbprint(text: str) -> bool:
    """Whether a text is spelled like the SHA-256 thumbprint of a key (§10)."""
    return _THUMBPRINT.fullmatch(text) is not None


def _invalid(sentence: str) -> NotProved:
    return NotProved(Reason.PROOF_INVALID, sentence)


def _mismatch(what: str) -> NotProved:
    return NotProved(Reason.PROOF_MISMATCH, f"The DPoP proof's {what} of this request.")
