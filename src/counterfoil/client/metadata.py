"""What the issuer says of itself (OpenID Connect Discovery 1.0 §3 and §4, RFC 8414)."""

from collections.abc import Mapping

from msgspec import Struct

from counterfoil.net.http import BadAnswer, demand_safe
from counterfoil.oauth.metadata import WrongMetadata, read_metadata


class Metadata(Struct, frozen=True, kw_only=True):
    """The members that the flows use. Empty: the issuer does not have it."""

    issuer: str
    token_endpoint: str
    jwks_uri: str = ""
    authorization_endpoint: str = ""
    device_authorization_endpoint: str = ""
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
            if not all("\x21" <= character <= "\x7e" for character in url):
                raise ValueError(f"{url!r} has characters that no address has")
            return demand_safe(url)
        except ValueError as error:
            raise BadAnswer(f"the metadata of {self.issuer}: {name}: {error}") from None


def metadata_in(document: Mapping[str, object], issuer: str) -> Metadata:
    """Read the document; it must name exactly the issuer that was asked (§4.3).

    Raises:
        BadAnswer: it does not, or a member is missing or of the wrong type.
    """
    try:
        return read_metadata(Metadata, document, issuer)
    except WrongMetadata as error:
        raise BadAnswer(str(error)) from None
