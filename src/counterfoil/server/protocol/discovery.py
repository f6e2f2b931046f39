"""What this server can do, read off its tables (RFC 8414 §2, OpenID Connect Discovery §3)."""

from msgspec import Struct

from counterfoil.jose.algorithms import ALGORITHMS
from counterfoil.oauth import pkce
from counterfoil.oauth.access import OPENID_SCOPES
from counterfoil.server.protocol.authorization_request import PROMPTS
from counterfoil.server.protocol.client_authentication import METHODS
from counterfoil.server.protocol.grant_types import GRANT_TYPES
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings


class Metadata(Struct, frozen=True, kw_only=True):
    """The members of the discovery document; the last ones are ours."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    end_session_endpoint: str
    scopes_supported: tuple[str, ...]
    response_types_supported: tuple[str, ...] = ("code",)
    response_modes_supported: tuple[str, ...] = ("query",)
    grant_types_supported: tuple[str, ...] = tuple(GRANT_TYPES)
    code_challenge_methods_supported: tuple[str, ...] = (pkce.METHOD,)
    token_endpoint_auth_methods_supported: tuple[str, ...] = METHODS
    revocation_endpoint_auth_methods_supported: tuple[str, ...] = METHODS
    introspection_endpoint_auth_methods_supported: tuple[str, ...] = METHODS[:2]
    subject_types_supported: tuple[str, ...] = ("public",)
    id_token_signing_alg_values_supported: tuple[str, ...]
    claims_supported: tuple[str, ...] = (
        "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "sid",
        "email", "email_verified", "name",
    )  # fmt: skip
    prompt_values_supported: tuple[str, ...] = tuple(sorted(PROMPTS))
    authorization_response_iss_parameter_supported: bool = True
    request_parameter_supported: bool = False
    request_uri_parameter_supported: bool = False
    claims_parameter_supported: bool = False
    notices_endpoint: str
    notices_jwks_uri: str


def metadata_of(settings: Settings, scopes: frozenset[str]) -> Metadata:
    """Describe the server whose APIs own these scopes."""
    issuer = settings.issuer
    return Metadata(
        issuer=issuer,
        authorization_endpoint=f"{issuer}/authorize",
        token_endpoint=f"{issuer}/token",
        jwks_uri=f"{issuer}/jwks.json",
        userinfo_endpoint=f"{issuer}/userinfo",
        revocation_endpoint=f"{issuer}/revoke",
        introspection_endpoint=f"{issuer}/introspect",
        end_session_endpoint=f"{issuer}/logout",
        scopes_supported=tuple(sorted(scopes | OPENID_SCOPES)),
        id_token_signing_alg_values_supported=tuple(ALGORITHMS),
        notices_endpoint=f"{issuer}/notices",
        notices_jwks_uri=f"{issuer}/notices/jwks.json",
    )


async def scopes_offered(tx: Transaction) -> frozenset[str]:
    """Every scope of every API."""
    return frozenset(scope for api in await tx.apis.every() for scope in api.scopes)
