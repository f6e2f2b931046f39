"""Token Status Lists as a guard holds them (draft-ietf-oauth-status-list §8.3). No I/O.

The address of a list stands in a token whose signature was good; even so, only addresses that the
owner allows are ever asked.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.guard.policy import Issuer
from counterfoil.guard.token import Rejected
from counterfoil.oauth.access_token import LEEWAY
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.status_list import (
    Status,
    StatusListToken,
    StatusReference,
    WrongStatusList,
    decompressed,
    value_at,
)

MOST_LISTS: Final = 64
"""How many lists of one issuer are held; the one that was asked for longest ago goes first."""
MOST_LIST_BYTES: Final = 8 * 1024 * 1024
"""How long a list may be once it is decompressed: bits of 67 million tokens."""
SHORTEST_TTL: Final = 5.0
LONGEST_TTL: Final = 86400.0
USUAL_TTL: Final = 60.0
"""Seconds for which a list is good that does not say so itself."""

_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")


class HeldList(Struct, frozen=True):
    """A list, and until when its issuer vouches for it (seconds since the epoch)."""

    bits: bytes
    width: int
    good_until: float
    issued_at: int


class Awaited(Rejected):
    """The list of a token is not here yet. Who does not wait for it has a refusal: ``stale``."""

    def __init__(self, issuer: str, uri: str, fingerprint: str) -> None:
        super().__init__(
            Reason.STALE, detail=f"the status list {uri} is not here yet", fingerprint=fingerprint
        )
        self.issuer = issuer
        self.uri = uri


class StatusLists:
    """The lists of one issuer. The background thread writes; checks only read."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._held: dict[str, HeldList] = {}

    @property
    def uris(self) -> tuple[str, ...]:
        """The addresses of the lists that are held."""
        return tuple(self._held)

    def find(self, uri: str) -> HeldList | None:
        """Give a list, if it is here."""
        return self._held.get(uri)

    def reference_in(self, claims: Mapping[str, object]) -> StatusReference:
        """Read where a token's bits stand.

        Raises:
            Rejected: where it names no list, or one that must not be asked.
        """
        try:
            reference = msgspec.convert(claims.get("status"), Status).status_list
        except msgspec.ValidationError:
            raise Rejected(Reason.MALFORMED, detail="it names no status list") from None
        if reference.idx < 0 or not self._may_ask(reference.uri):
            detail = "its status list stands at an address that was not allowed"
            raise Rejected(Reason.MALFORMED, detail=detail)
        return reference

    def take(self, uri: str, token: StatusListToken, now: float) -> None:
        """Hold a list whose signature was good.

        Raises:
            WrongStatusList: it is another's, has expired, is older than what is held, or cannot
                be read.
        """
        if token.sub != uri or token.iss not in ("", self._issuer.url):
            raise WrongStatusList(f"the status list at {uri} is another one")
        if token.exp and now >= token.exp:
            raise WrongStatusList(f"the status list at {uri} has expired")
        if token.iat > now + LEEWAY:
            raise WrongStatusList(f"the status list at {uri} says that it is of the future")
        before = self._held.get(uri)
        if before is not None and token.iat < before.issued_at:
            raise WrongStatusList(f"the status list at {uri} is older than the one before")
        width = token.status_list.bits
        if width not in (1, 2, 4, 8):
            raise WrongStatusList(f"the status list at {uri} has {width} bits for a token")
        bits = decompressed(token.status_list.lst, MOST_LIST_BYTES)
        good_for = min(max(token.ttl or USUAL_TTL, SHORTEST_TTL), LONGEST_TTL)
        good_until = min(now + good_for, token.exp) if token.exp else now + good_for
        held = {name: each for name, each in self._held.items() if name != uri}
        while len(held) >= MOST_LISTS:
            del held[next(iter(held))]
        self._held = held | {uri: HeldList(bits, width, good_until, token.iat)}

    def _may_ask(self, uri: str) -> bool:
        allowed = self._issuer.status_lists or (f"{self._issuer.url.rstrip('/')}/",)
        if _VISIBLE.fullmatch(uri) is None:
            return False
        plain = not {"..", "."} & set(uri.split("/")) and "\\" not in uri and "%" not in uri
        return plain and uri.startswith(allowed)


def status_of(held: HeldList, reference: StatusReference) -> Reason | None:
    """Say whether a list calls a token invalid, or suspends it: neither may pass (§7).

    Where the list does not reach so far, its issuer knows of no such token (§8.3).
    """
    try:
        return Reason.REVOKED if value_at(held.bits, reference.idx, held.width) else None
    except WrongStatusList:
        return Reason.NOT_REGISTERED
