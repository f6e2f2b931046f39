"""A client's right to act for others at a further API: it exchanges their tokens (RFC 8693)."""

from msgspec import Struct


class ExchangeRight(
    Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from", "target": "to"}
):
    """Tokens for the API ``source`` are exchanged for tokens for ``target``, with these scopes.

    APIs are named by their resource identifiers; ``scope`` holds names with spaces between them.
    """

    source: str
    target: str
    scope: str

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that a token may have that is given by this right."""
        return frozenset(self.scope.split(" ")) - {""}
