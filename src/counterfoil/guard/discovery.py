"""Where an issuer's documents are found (RFC 8414 §3, OpenID Connect Discovery 1.0 §4)."""

from collections.abc import Mapping
from typing import Self

from msgspec import Struct

from counterfoil.net.http import BadAnswer, HttpClient
from counterfoil.oauth.metadata import WrongMetadata, places, read_metadata


class Metadata(Struct, frozen=True):
    """What a guard reads of the metadata. Empty: the issuer does not say.

    ``notices_…``, ``registry_…``, ``reports_…`` and ``allowances_endpoint`` are ours;
    ``notices_jwks_uri`` is a key set of its own.
    """

    issuer: str
    jwks_uri: str
    notices_endpoint: str = ""
    notices_jwks_uri: str = ""
    introspection_endpoint: str = ""
    registry_endpoint: str = ""
    reports_endpoint: str = ""
    allowances_endpoint: str = ""

    @classmethod
    def of(cls, issuer: str, document: Mapping[str, object]) -> Self:
        """Read a metadata document; it must name exactly this issuer (RFC 8414 §3.3).

        Raises:
            BadAnswer: where it does not, or a member is of the wrong type.
        """
        try:
            metadata = read_metadata(cls, document, issuer)
        except WrongMetadata as error:
            raise BadAnswer(str(error)) from None
        if metadata.notices_endpoint and metadata.notices_jwks_uri in {"", metadata.jwks_uri}:
            raise BadAnswer(f"the metadata of {issuer} names no key set for notices alone")
        return metadata


async def discover(http: HttpClient, issuer: str) -> Metadata:
    """Fetch the metadata.

    Raises:
        HttpFailure: where neither place has it.
    """
    first, second = places(issuer)
    try:
        document = await http.get_json(first)
    except BadAnswer:
        document = await http.get_json(second)
    return Metadata.of(issuer, document)
