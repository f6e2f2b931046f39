"""How a refusal is said: ``WWW-Authenticate`` and the JSON body (RFC 6750 §3, RFC 9449 §7.1)."""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from counterfoil.oauth import dpop
from counterfoil.oauth.reasons import Reason, meaning_of

REQUEST_ID: Final = "x-request-id"
"""The header in which every refusal names itself. It is never taken over from a request."""
_QUOTABLE: Final = re.compile(r"[\x20-\x7e]*")
_SCOPES: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")

Schemes: TypeAlias = tuple[str, ...]
BEARER: Final[Schemes] = ("Bearer",)
DPOP: Final[Schemes] = (dpop.SCHEME,)
BOTH: Final[Schemes] = (*BEARER, *DPOP)


class Challenge(Struct, frozen=True):
    """A refusal. ``scope`` names what is needed; ``fingerprint`` a token that was verified.

    ``schemes`` are those that would be accepted; the first says what was wrong.
    ``request_id`` is the name under which the log knows this refusal; ``resource_metadata`` is
    where the API describes itself (RFC 9728 §5.1); ``asks``: how to sign in (RFC 9470 §3).

    Raises:
        ValueError: where realm or scope hold characters that the header cannot carry.
    """

    reason: Reason
    realm: str = ""
    scope: str = ""
    fingerprint: str = ""
    schemes: Schemes = BEARER
    request_id: str = ""
    resource_metadata: str = ""
    asks: Mapping[str, str] = {}

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

        A request without a token is told no error (§3.1), only our ``error_reason``. The scheme
        DPoP names the algorithms that proofs may have (RFC 9449 §7.1).
        """
        meaning = meaning_of(self.reason)
        members = {
            "realm": self.realm,
            "scope": self.scope,
            "error": meaning.error,
            "error_description": meaning.sentence if meaning.error else "",
            "error_reason": self.reason.value,
            **self.asks,
            "resource_metadata": self.resource_metadata,
        }
        first, *others = self.schemes
        challenges = [_spelled(first, members)]
        further = {"realm": self.realm, "resource_metadata": self.resource_metadata}
        challenges += [_spelled(scheme, further) for scheme in others]
        return ", ".join(challenges)

    @property
    def body(self) -> bytes:
        """The JSON body: what the header says, the token's fingerprint, the request's id."""
        meaning = meaning_of(self.reason)
        members = {
            "error": meaning.error or "invalid_request",
            "error_description": meaning.sentence,
            "error_reason": self.reason.value,
        }
        members |= self.asks
        if self.scope:
            members["scope"] = self.scope
        if self.fingerprint:
            members["fingerprint"] = self.fingerprint
        if self.request_id:
            members["request_id"] = self.request_id
        return msgspec.json.encode(members)


def _spelled(scheme: str, members: Mapping[str, str]) -> str:
    algs = " ".join(dpop.ALGORITHMS) if scheme == dpop.SCHEME else ""
    said = {**members, "algs": algs}
    pairs = [f"{name}={_quoted(value)}" for name, value in said.items() if value]
    return f"{scheme} {', '.join(pairs)}".rstrip()


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
