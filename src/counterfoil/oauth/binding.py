"""What a token is bound to, mostly a key: one value that travels whole (RFC 7800 §3.1)."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, TypeAlias

from msgspec import Struct

KEY: Final = "jkt"
"""The member of ``cnf`` for the key of DPoP proofs (RFC 9449 §6.1)."""
CERTIFICATE: Final = "x5t#S256"
"""The member of ``cnf`` for a client certificate (RFC 8705 §3.1)."""
COOKIE: Final = "cookie#S256"
"""The member of ``cnf`` for a browser's cookie (S61); it is ours alone."""


class Binding(Struct, frozen=True):
    """A confirmation: ``method`` is the member of ``cnf``, ``thumbprint`` its value.

    Both are empty for a plain bearer token.
    """

    method: str = ""
    thumbprint: str = ""

    @property
    def is_bearer(self) -> bool:
        """Whether whoever holds the token may use it."""
        return not self.method

    @property
    def token_type(self) -> str:
        """The ``token_type`` of a token with this binding (RFC 9449 §5, RFC 8705 §3)."""
        return "DPoP" if self.method == KEY else "Bearer"

    def confirmation(self) -> Mapping[str, str] | None:
        """Give the ``cnf`` claim, or ``None`` for a bearer token (RFC 7800 §3.1)."""
        return None if self.is_bearer else {self.method: self.thumbprint}

    def is_met_by(self, proved: "Binding") -> bool:
        """Whether the key that was proved on this request is the one demanded.

        A bearer token demands nothing; a bound one is never accepted without its proof.
        """
        return self.is_bearer or self == proved


METHODS: Final = frozenset({KEY, CERTIFICATE, COOKIE})
Proved: TypeAlias = Binding | frozenset[Binding]
"""What was proved on a request: one thing, or several of which any may be the one demanded."""
UNBOUND: Final = Binding()
UNKNOWN: Final = Binding("unknown", "unknown")


def binding_of(confirmation: Mapping[str, object] | None) -> Binding:
    """Read a ``cnf`` claim. One that we do not understand demands a proof nobody can give."""
    if confirmation is None:
        return UNBOUND
    match list(confirmation.items()):
        case [(str(method), str(thumbprint))] if method in METHODS and thumbprint:
            return Binding(method, thumbprint)
    return UNKNOWN


def thumbprint_of(proved: bytes) -> str:
    """Give the SHA-256 of a certificate (DER) or of a cookie's value, as ``cnf`` names it."""
    return urlsafe_b64encode(sha256(proved).digest()).rstrip(b"=").decode("ascii")
