"""What this server can do, read off its tables (RFC 8414 §2, OpenID Connect Discovery §3)."""

from typing import Final

from counterfoil.jose.algorithms import ALGORITHMS
from counterfoil.oauth import client_assertion, dpop, pkce
from counterfoil.oauth.access import OPENID_SCOPES
from counterfoil.oauth.acr import CLASSES
from counterfoil.oauth.metadata import Metadata
from counterfoil.server.protocol.authorization_request import PROMPTS
from counterfoil.server.protocol.client_authentication import CONFIDENTIAL, IN_HEADER, METHODS
from counterfoil.server.protocol.grant_types import GRANT_TYPES
from counterfoil.server.protocol.status_lists import PATH as STATUS_LISTS
from counterfoil.server.records.language import LANGUAGES
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings

CLAIMS: Final = (
    "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid",
    "email", "email_verified", "name", "locale",
)  # fmt: skip


def metadata_of(settings: Settings, scopes: frozenset[str]) -> Metadata:
    """Describe the server whose APIs own these scopes."""
    issuer = settings.issuer
    return Metadata(
        issuer=issuer,
        authorization_endpoint=f"{issuer}/authorize",
        token_endpoint=f"{issuer}/token",
        jwks_uri=f"{issuer}/jwks.json",
        userinfo_endpoint=f"{issuer}/userinfo",
        device_authorization_endpoint=f"{issuer}/device_authorization",
        revocation_endpoint=f"{issuer}/revoke",
        introspection_endpoint=f"{issuer}/introspect",
        end_session_endpoint=f"{issuer}/logout",
        global_token_revocation_endpoint=f"{issuer}/global-token-revocation",
        scopes_supported=tuple(sorted(scopes | OPENID_SCOPES)),
        grant_types_supported=tuple(GRANT_TYPES),
        code_challenge_methods_supported=(pkce.METHOD,),
        token_endpoint_auth_methods_supported=METHODS,
        revocation_endpoint_auth_methods_supported=METHODS,
        introspection_endpoint_auth_methods_supported=CONFIDENTIAL,
        global_token_revocation_endpoint_auth_methods_supported=IN_HEADER,
        token_endpoint_auth_signing_alg_values_supported=client_assertion.ALGORITHMS,
        revocation_endpoint_auth_signing_alg_values_supported=client_assertion.ALGORITHMS,
        introspection_endpoint_auth_signing_alg_values_supported=client_assertion.ALGORITHMS,
        id_token_signing_alg_values_supported=tuple(ALGORITHMS),
        dpop_signing_alg_values_supported=dpop.ALGORITHMS,
        claims_supported=CLAIMS,
        acr_values_supported=CLASSES,
        prompt_values_supported=tuple(sorted(PROMPTS)),
        ui_locales_supported=LANGUAGES,
        status_list_aggregation_endpoint=f"{issuer}{STATUS_LISTS}",
        notices_endpoint=f"{issuer}/notices",
        notices_jwks_uri=f"{issuer}/notices/jwks.json",
        registry_endpoint=f"{issuer}/registry",
        reports_endpoint=f"{issuer}/reports",
        allowances_endpoint=f"{issuer}/allowances",
        mint_endpoint=f"{issuer}/mint",
        mint_endpoint_auth_methods_supported=IN_HEADER,
    )


async def scopes_offered(tx: Transaction) -> frozenset[str]:
    """Every scope of every API."""
    return frozenset(scope for api in await tx.apis.every() for scope in api.scopes)
