"""What an issuer says of itself, where, and how it is read (RFC 8414, OpenID Connect Discovery)."""

from collections.abc import Mapping
from typing import Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from counterfoil.oauth.limits import TYPE as LIMIT

OAUTH_PATH: Final = "/.well-known/oauth-authorization-server"
OPENID_PATH: Final = "/.well-known/openid-configuration"

_MOST_SHOWN: Final = 256

Read = TypeVar("Read", bound=Struct)


class WrongMetadata(Exception):
    """A metadata document is not that of the issuer, or not well formed. The text says which."""


class Metadata(Struct, frozen=True, kw_only=True):
    """The document that we publish.

    ``notices_…``, ``registry_…``, ``reports_…``, ``allowances_endpoint`` and ``mint_…`` are ours.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    device_authorization_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    end_session_endpoint: str
    global_token_revocation_endpoint: str
    scopes_supported: tuple[str, ...]
    response_types_supported: tuple[str, ...] = ("code",)
    response_modes_supported: tuple[str, ...] = ("query",)
    grant_types_supported: tuple[str, ...]
    code_challenge_methods_supported: tuple[str, ...]
    token_endpoint_auth_methods_supported: tuple[str, ...]
    revocation_endpoint_auth_methods_supported: tuple[str, ...]
    introspection_endpoint_auth_methods_supported: tuple[str, ...]
    global_token_revocation_endpoint_auth_methods_supported: tuple[str, ...]
    token_endpoint_auth_signing_alg_values_supported: tuple[str, ...]
    revocation_endpoint_auth_signing_alg_values_supported: tuple[str, ...]
    introspection_endpoint_auth_signing_alg_values_supported: tuple[str, ...]
    authorization_details_types_supported: tuple[str, ...] = (LIMIT,)
    subject_types_supported: tuple[str, ...] = ("public",)
    id_token_signing_alg_values_supported: tuple[str, ...]
    dpop_signing_alg_values_supported: tuple[str, ...]
    claims_supported: tuple[str, ...]
    acr_values_supported: tuple[str, ...]
    prompt_values_supported: tuple[str, ...]
    ui_locales_supported: tuple[str, ...]
    authorization_response_iss_parameter_supported: bool = True
    request_parameter_supported: bool = False
    request_uri_parameter_supported: bool = False
    claims_parameter_supported: bool = False
    backchannel_logout_supported: bool = True
    backchannel_logout_session_supported: bool = True
    status_list_aggregation_endpoint: str
    notices_endpoint: str
    notices_jwks_uri: str
    registry_endpoint: str
    reports_endpoint: str
    allowances_endpoint: str
    mint_endpoint: str
    mint_endpoint_auth_methods_supported: tuple[str, ...]


def places(issuer: str) -> tuple[str, str]:
    """Say where an issuer's metadata may stand: by RFC 8414 §3.1, and by OpenID Connect §4."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    inserted = parts._replace(path=f"{OAUTH_PATH}{path}")
    appended = parts._replace(path=f"{path}{OPENID_PATH}")
    return urlunsplit(inserted), urlunsplit(appended)


def read_metadata(kind: type[Read], document: Mapping[str, object], issuer: str) -> Read:
    """Read the members that ``kind`` names; the document must be of exactly this issuer (§3.3).

    Raises:
        WrongMetadata: it is not, or a member is missing or of the wrong type.
    """
    try:
        metadata = msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise WrongMetadata(f"the metadata of {issuer}: {error}") from None
    named = document.get("issuer")
    if named != issuer:
        other = str(named)[:_MOST_SHOWN]
        raise WrongMetadata(f"the metadata of {issuer} names another issuer: {other!r}")
    return metadata
