"""One-time codes by the time, as authenticator apps show them (RFC 6238): the one door to pyotp."""

import hmac
from base64 import b32encode
from typing import Final

import pyotp

SECRET_BYTES: Final = 20
"""As long as the output of the hash (RFC 4226 §4 R6)."""
STEP: Final = 30
"""Seconds for which a code is shown (RFC 6238 §5.2)."""
DIGITS: Final = 6
AROUND: Final = 1
"""So many steps a clock may be off, forward and back (§6)."""


def step_at(now: int) -> int:
    """Give the number of the time step at ``now``, in seconds since the epoch."""
    return now // STEP


def code_at(secret: bytes, step: int) -> str:
    """Give the code of a time step."""
    return pyotp.TOTP(spelled(secret), digits=DIGITS, interval=STEP).generate_otp(step)


def is_spelled(typed: str) -> bool:
    """Whether a text could be a code: six digits, of the ten that everyone has."""
    return len(typed) == DIGITS and typed.isascii() and typed.isdigit()


def step_of(secret: bytes, typed: str, now: int) -> int | None:
    """Find the step, about ``now``, whose code was typed; ``None`` where it is wrong.

    All are compared, each in constant time. Of two with the same code the later one is given, so
    that neither is good again.
    """
    if not is_spelled(typed):
        return None
    near = range(max(0, step_at(now) - AROUND), step_at(now) + AROUND + 1)
    right = [step for step in near if hmac.compare_digest(code_at(secret, step), typed)]
    return max(right, default=None)


def spelled(secret: bytes) -> str:
    """Spell a secret as people type it into their app: base32 without padding (RFC 4648 §6)."""
    return b32encode(secret).decode("ascii").rstrip("=")


def address_of(secret: bytes, account: str, issuer: str) -> str:
    """Give the ``otpauth:`` address that an app reads from a QR code."""
    code = pyotp.TOTP(spelled(secret), digits=DIGITS, interval=STEP, name=account, issuer=issuer)
    return code.provisioning_uri()
