"""How a refusal is said: the ``WWW-Authenticate`` challenge and the JSON body (RFC 6750 §3)."""

import re
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.oauth.reasons import Reason, meaning_of

_QUOTABLE: Final = re.compile(r"[\x20-\x7e]*")
_SCOPES: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


class Challenge(Struct, frozen=True):
    """A refusal. ``scope`` names what is needed; ``fingerprint`` a token that was verified.

    Raises:
        ValueError: where realm or scope hold characters that the header cannot carry.
    """

    reason: Reason
    realm: str = ""
    scope: str = ""
    fingerprint: str = ""

    def __post_init__(self) -> None:
        if _QUOTABLE.fullmatch(self.realm) is None:
            raise ValueError("a realm may hold visible ASCII characters and spaces only")
        if self.scope and _SCOPES.fullmatch(self.scope) is None:
            raise ValueError("the needed scope is not a list of scopes (RFC 6749 §3.3)")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return meaning_of(self.reason).status

    @property
    def header(self) -> str:
        """The value of ``WWW-Authenticate`` (RFC 6750 §3).

        A request without a token is told no error (§3.1), only our ``error_reason``.
        """
        meaning = meaning_of(self.reason)
        members = {
            "realm": self.realm,
            "scope": self.scope,
            "error": meaning.error,
            "error_description": meaning.sentence if meaning.error else "",
            "error_reason": self.reason.value,
        }
        return "Bearer " + ", ".join(
            f"{name}={_quoted(value)}" for name, value in members.items() if value
        )

    @property
    def body(self) -> bytes:
        """The JSON body: what the header says, and the token's fingerprint where it is known."""
        meaning = meaning_of(self.reason)
        members = {
            "error": meaning.error or "invalid_request",
            "error_description": meaning.sentence,
            "error_reason": self.reason.value,
        }
        if self.scope:
            members["scope"] = self.scope
        if self.fingerprint:
            members["fingerprint"] = self.fingerprint
        return msgspec.json.encode(members)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
