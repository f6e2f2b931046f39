"""Who is the client: by its secret in header or body, or by name alone (OAuth 2.1 §2.4)."""

import binascii
import hmac
from base64 import b64decode
from typing import Final

from msgspec import Struct

from counterfoil.oauth.errors import OAuthError, invalid_client, invalid_request
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters, form_decoded
from counterfoil.server.records.client import Client
from counterfoil.server.records.store import Transaction

METHODS: Final = ("client_secret_basic", "client_secret_post", "none")
_REFUSED: Final = "The client could not be authenticated."


class Credentials(Struct, frozen=True):
    """What the caller says of itself, not yet believed."""

    client_id: str
    secret: Secret | None
    method: str


class AuthenticatedClient(Struct, frozen=True):
    """A client that proved who it is; ``secret_id`` names the secret it used, if any."""

    client: Client
    secret_id: str | None


def credentials_in(parameters: Parameters, authorization: str | None) -> Credentials:
    """Read the client's credentials from the header or the body, never from both.

    Raises:
        OAuthError: ``invalid_client`` or ``invalid_request`` (OAuth 2.1 §2.4.1).
    """
    given = parameters.get("client_secret")
    if authorization is not None:
        if given is not None:
            raise invalid_request("The client sent its secret in two ways; send it in one.")
        return _same_client(_basic(authorization), parameters.get("client_id"))
    client_id = parameters.get("client_id")
    if client_id is None:
        raise invalid_client("The request names no client.")
    if given is None:
        return Credentials(client_id, None, "none")
    return Credentials(client_id, Secret(given), "client_secret_post")


def _basic(authorization: str) -> Credentials:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise invalid_client("The Authorization header does not use the Basic scheme.")
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
        client_id, secret = form_decoded(user), form_decoded(password)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise invalid_client("The Basic credentials are not well encoded.") from None
    if not (client_id and colon):
        raise invalid_client("The Basic credentials name no client.")
    return Credentials(client_id, Secret(secret) if secret else None, "client_secret_basic")


def _same_client(credentials: Credentials, client_id: str | None) -> Credentials:
    if client_id is not None and client_id != credentials.client_id:
        raise invalid_request("The parameter client_id differs from the Basic credentials.")
    return credentials


async def authenticate(tx: Transaction, credentials: Credentials) -> AuthenticatedClient:
    """Prove the client. A wrong secret and an unknown client cannot be told apart.

    Raises:
        OAuthError: ``invalid_client`` (RFC 6749 §5.2).
    """
    client = await tx.clients.find(credentials.client_id)
    secret_id = await _matching_secret(tx, client, credentials)
    if client is None:
        raise invalid_client(_REFUSED, detail="no such client")
    if client.public != (credentials.method == "none"):
        raise invalid_client(_REFUSED, detail="a method that this client does not use")
    if not client.public and secret_id is None:
        raise invalid_client(_REFUSED, detail=f"wrong secret for {client.client_id!r}")
    if not client.is_enabled:
        raise invalid_client(_REFUSED, detail=f"{client.client_id!r} is disabled")
    return AuthenticatedClient(client, secret_id)


async def _matching_secret(
    tx: Transaction, client: Client | None, credentials: Credentials
) -> str | None:
    if credentials.secret is None:
        return None
    digest = credentials.secret.fingerprint()
    matched = None
    for secret in await tx.clients.secrets_of(client.client_id) if client else ():
        if hmac.compare_digest(secret.digest, digest) and secret.is_live(tx.now):
            matched = secret.id
    return matched


def demand_confidential(client: Client) -> None:
    """Demand a client that can keep a secret.

    Raises:
        OAuthError: ``unauthorized_client``.
    """
    if client.public:
        raise OAuthError("unauthorized_client", "Public clients may not use this endpoint.")
