"""Somebody who comes from a provider: what it was asked, and what it says of them."""

from msgspec import Struct

from counterfoil.client.tokens import Tokens
from counterfoil.oauth.opaque import Secret
from counterfoil.server.records.provider import Provider


class Asked(Struct, frozen=True, kw_only=True):
    """What was asked of a provider, and by whom. ``secret`` is our client secret there.

    ``since``: the person had to sign in after that time, in seconds; ``None``: it does not matter.
    """

    provider: Provider
    secret: Secret
    redirect_uri: str
    nonce: str
    code_verifier: str
    since: int | None = None

    def __repr__(self) -> str:
        return f"Asked(provider={self.provider.id!r})"


class Answered(Struct, frozen=True):
    """The query with which the browser came back. Nothing in it has been verified."""

    unverified_code: str
    unverified_iss: str | None = None

    def __repr__(self) -> str:
        return "Answered(…)"


class Arrival(Struct, frozen=True, kw_only=True):
    """What a provider says of somebody, verified. ``words``: what stood in ``amr`` and ``acr``.

    ``auth_time``: when they signed in there, in seconds, where it says so. ``sid`` is the name of
    their session there, or empty.
    """

    issuer: str
    subject: str
    email: str | None = None
    email_verified: bool = False
    name: str = ""
    words: frozenset[str] = frozenset()
    auth_time: int | None = None
    sid: str = ""
    tokens: Tokens | None = None

    @property
    def label(self) -> str:
        """What people know it by."""
        return self.email or self.name or self.subject

    def __repr__(self) -> str:
        return f"Arrival(issuer={self.issuer!r})"
