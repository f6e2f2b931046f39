"""What the issuer says of itself (OpenID Connect Discovery 1.0 §3 and §4, RFC 8414)."""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from counterfoil.net.http import BadAnswer, demand_safe


class Metadata(Struct, frozen=True, kw_only=True):
    """The members that the flows use. Empty: the issuer does not have it."""

    issuer: str
    token_endpoint: str
    jwks_uri: str = ""
    authorization_endpoint: str = ""
    revocation_endpoint: str = ""
    end_session_endpoint: str = ""
    authorization_response_iss_parameter_supported: bool = False

    def address(self, name: str) -> str:
        """Give an endpoint by its member's name.

        Raises:
            BadAnswer: the issuer has none, or one that must not be used.
        """
        url: str = getattr(self, name)
        if not url:
            raise BadAnswer(f"the metadata of {self.issuer} names no {name}")
        try:
            return demand_safe(url)
        except ValueError as error:
            raise BadAnswer(f"the metadata of {self.issuer}: {name}: {error}") from None


def places(issuer: str) -> tuple[str, str]:
    """Say where the metadata may stand: OpenID's place, then that of RFC 8414 §3.1."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    appended = parts._replace(path=f"{path}/.well-known/openid-configuration")
    inserted = parts._replace(path=f"/.well-known/oauth-authorization-server{path}")
    return urlunsplit(appended), urlunsplit(inserted)


def metadata_in(document: Mapping[str, object], issuer: str) -> Metadata:
    """Read the document; it must name exactly the issuer that was asked (§4.3).

    Raises:
        BadAnswer: it does not, or a member is missing or of the wrong type.
    """
    try:
        metadata = msgspec.convert(document, Metadata)
    except msgspec.ValidationError as error:
        raise BadAnswer(f"the metadata of {issuer}: {error}") from None
    if metadata.issuer != issuer:
        raise BadAnswer(f"the metadata of {issuer} names another issuer")
    return metadata
