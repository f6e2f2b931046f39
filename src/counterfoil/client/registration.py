"""Who the client is, as the server has it registered (RFC 7591 §2)."""

from msgspec import Struct

from counterfoil.client.client_key import ClientKey
from counterfoil.net.http import demand_safe


class Registration(Struct, frozen=True, kw_only=True):
    """A client at its issuer. ``credential``: its secret, its key, or nothing for a public one.

    Raises:
        ValueError: the issuer is no address that may be called.
    """

    issuer: str
    client_id: str
    credential: str | ClientKey | None = None
    redirect_uri: str = ""
    post_logout_redirect_uri: str = ""

    def __post_init__(self) -> None:
        demand_safe(self.issuer)

    def __repr__(self) -> str:
        return f"Registration(issuer={self.issuer!r}, client_id={self.client_id!r})"
