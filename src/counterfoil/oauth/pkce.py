"""Proof Key for Code Exchange, S256 only (RFC 7636, OAuth 2.1 §4.1.1)."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from typing import Final

METHOD: Final = "S256"
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def is_verifier(code_verifier: str) -> bool:
    """Whether this is a well formed ``code_verifier`` (RFC 7636 §4.1)."""
    return _VERIFIER.fullmatch(code_verifier) is not None


def is_challenge(code_challenge: str) -> bool:
    """Whether this is a well formed S256 ``code_challenge`` (RFC 7636 §4.2)."""
    return _CHALLENGE.fullmatch(code_challenge) is not None


def challenge_of(code_verifier: str) -> str:
    """Derive the S256 ``code_challenge`` (RFC 7636 §4.2)."""
    digest = hashlib.sha256(code_verifier.encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def matches(code_verifier: str, code_challenge: str) -> bool:
    """Compare in constant time (RFC 7636 §4.6)."""
    return is_verifier(code_verifier) and hmac.compare_digest(
        challenge_of(code_verifier), code_challenge
    )
