"""Who the client is, as the server has it registered (RFC 7591 §2)."""

from base64 import b64encode
from urllib.parse import quote_plus

from msgspec import Struct

from counterfoil.net.http import demand_safe


class Registration(Struct, frozen=True, kw_only=True):
    """A client at its issuer; without ``client_secret`` it is a public one.

    Raises:
        ValueError: the issuer is no address that may be called.
    """

    issuer: str
    client_id: str
    client_secret: str | None = None
    redirect_uri: str = ""
    post_logout_redirect_uri: str = ""

    def __post_init__(self) -> None:
        demand_safe(self.issuer)

    @property
    def authorization(self) -> str:
        """The ``Authorization`` header of ``client_secret_basic`` (RFC 6749 §2.3.1)."""
        if self.client_secret is None:
            return ""
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        return f"Basic {b64encode(pair.encode()).decode()}"

    @property
    def credentials(self) -> dict[str, str]:
        """What a public client says of itself in the form (RFC 6749 §3.2.1)."""
        return {"client_id": self.client_id} if self.client_secret is None else {}

    def __repr__(self) -> str:
        return f"Registration(issuer={self.issuer!r}, client_id={self.client_id!r})"
