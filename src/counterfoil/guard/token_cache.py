"""Tokens that were verified, by the SHA-256 of their exact bytes; bounded."""

from msgspec import Struct

from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.token import Token
from counterfoil.jose.jwt import Verifier
from counterfoil.oauth.binding import Binding
from counterfoil.oauth.personal_token import Network
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Marks
from counterfoil.oauth.status_list import StatusReference
from counterfoil.oauth.url_binding import UrlBound


class Verified(Struct, frozen=True, gc=False):
    """What a signature vouches for, and by which keys it was verified. It says nothing of now.

    ``registered`` is the digest by which a registry knows the token; empty where none is kept.
    ``status``: where its bits stand in a status list, if its issuer ends tokens by those.
    ``url_bound``: the one request for which it is good, if it is bound to one.
    ``networks``: from where alone it is good; empty: from anywhere.
    """

    token: Token
    expires_at: float
    not_before: float
    binding: Binding
    marks: Marks
    state: IssuerState
    verifier: Verifier | None
    registered: bytes = b""
    status: StatusReference | None = None
    url_bound: UrlBound | None = None
    networks: tuple[Network, ...] = ()

    def was_ended(self, now: float) -> bool:
        """Whether it was ended before it expired: then it is remembered, so as to be refused.

        Nothing else that is refused is: what has expired is in any old log, and whoever has a key
        that leaked makes as many as he likes.
        """
        is_over = now >= self.expires_at
        return not is_over and self.state.notices.rejects(self.marks, now) is Reason.REVOKED


class TokenCache:
    """Remembers roughly the ``size`` tokens that were last used.

    Two dictionaries: what is found in the old one moves to the young one; when that is full, it
    becomes the old one. A hit writes nothing, no lock is needed, and the memory is bounded.
    """

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self._young: dict[bytes, Verified] = {}
        self._old: dict[bytes, Verified] = {}

    def get(self, digest: bytes) -> Verified | None:
        """Find a token that was verified before."""
        found = self._young.get(digest)
        if found is None:
            found = self._old.get(digest)
            if found is not None:
                self.put(digest, found)
        return found

    def put(self, digest: bytes, verified: Verified) -> None:
        """Remember a token."""
        young = self._young
        young[digest] = verified
        if len(young) > self._half:
            self._old, self._young = young, {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
