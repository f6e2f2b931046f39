"""The key that a token is bound to: one value that travels whole (RFC 7800 §3.1)."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct


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
        return "DPoP" if self.method == "jkt" else "Bearer"

    def confirmation(self) -> Mapping[str, str] | None:
        """Give the ``cnf`` claim, or ``None`` for a bearer token (RFC 7800 §3.1)."""
        return None if self.is_bearer else {self.method: self.thumbprint}

    def is_met_by(self, proved: "Binding") -> bool:
        """Whether the key that was proved on this request is the one demanded.

        A bearer token demands nothing; a bound one is never accepted without its proof.
        """
        return self.is_bearer or self == proved


UNBOUND: Final = Binding()
UNKNOWN: Final = Binding("unknown", "unknown")


def binding_of(confirmation: Mapping[str, object] | None) -> Binding:
    """Read a ``cnf`` claim. One that we do not understand demands a proof nobody can give."""
    if confirmation is None:
        return UNBOUND
    match list(confirmation.items()):
        case [(("jkt" | "x5t#S256") as method, str(thumbprint))] if thumbprint:
            return Binding(method, thumbprint)
    return UNKNOWN
