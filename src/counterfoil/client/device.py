"""Signing in on another device, for what has no browser (RFC 8628). Pure."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.client.tokens import within_reason
from counterfoil.net.http import BadAnswer, demand_safe

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
INTERVAL: Final = 5
"""Seconds between two questions where the server does not say (§3.2)."""
SLOWER: Final = 5
"""Seconds by which ``slow_down`` lengthens the interval (§3.5)."""
_LONGEST_CODE: Final = 64


class DeviceSignIn(Struct, frozen=True, kw_only=True):
    """What to show to the person: open ``verification_uri``, enter ``user_code``.

    ``verification_uri_complete`` has the code in it, for a link or a QR code; empty: there is none.
    Times in seconds since the epoch, ``interval`` in seconds.
    """

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str = ""
    expires_at: float
    interval: float
    scope: str = ""

    def __repr__(self) -> str:
        return f"DeviceSignIn(verification_uri={self.verification_uri!r}, …)"


class _Response(Struct, frozen=True, kw_only=True):
    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str = ""
    expires_in: int
    interval: float = INTERVAL


def device_sign_in(document: Mapping[str, object], scope: str, now: float) -> DeviceSignIn:
    """Read the answer of the device authorization endpoint (§3.2).

    What a person is shown and led to is text that could steer a terminal, and an address that a
    browser opens: anything but visible ASCII and https is refused (§5.4).

    Raises:
        BadAnswer: it is none, or shows what must not be shown.
    """
    try:
        read = msgspec.convert(document, _Response)
        _demand_visible(demand_safe(read.verification_uri), "an address")
        if read.verification_uri_complete:
            _demand_visible(demand_safe(read.verification_uri_complete), "an address")
        _demand_visible(read.user_code, "a user_code")
    except (msgspec.ValidationError, ValueError) as error:
        raise BadAnswer(f"the device authorization response: {error}") from None
    if not read.user_code or len(read.user_code) > _LONGEST_CODE:
        raise BadAnswer("the device authorization response: nobody can enter such a user_code")
    return DeviceSignIn(
        device_code=read.device_code,
        user_code=read.user_code,
        verification_uri=read.verification_uri,
        verification_uri_complete=read.verification_uri_complete,
        expires_at=now + within_reason(read.expires_in),
        interval=max(1.0, read.interval),
        scope=scope,
    )


def _demand_visible(text: str, what: str) -> None:
    if not all("\x21" <= character <= "\x7e" for character in text):
        raise ValueError(f"{what} has characters that could steer a terminal")
