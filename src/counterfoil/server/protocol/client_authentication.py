"""Who is the client: by secret, by signature (RFC 7523), or by name alone (OAuth 2.1 §2.4)."""

import binascii
import hmac
from base64 import b64decode
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.client_assertion import (
    ASSERTION_TYPE,
    METHOD,
    WrongAssertion,
    client_id_in,
)
from counterfoil.oauth.errors import OAuthError, invalid_client, invalid_request
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters, form_decoded
from counterfoil.server.protocol import client_assertions
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.client_keys import thumbprints_in
from counterfoil.server.records.client import Client, ClientSecret
from counterfoil.server.records.event import NO_PROOF
from counterfoil.server.records.store import Transaction

CONFIDENTIAL: Final = ("client_secret_basic", "client_secret_post", METHOD)
METHODS: Final = (*CONFIDENTIAL, "none")
IN_HEADER: Final = ("client_secret_basic", METHOD)
"""The methods of endpoints whose body is no form: an assertion stands there as a bearer token."""
_NOTHING: Final = Parameters.parse(b"")
_REFUSED: Final = "The client could not be authenticated."


class Credentials(Struct, frozen=True):
    """What the caller says of itself, not yet believed.

    ``assertion`` is one that was not verified yet; ``key_id`` is the thumbprint of the key of one
    that was, and is used up.
    """

    client_id: str
    secret: Secret | None
    method: str
    assertion: Secret | None = None
    key_id: str | None = None


class AuthenticatedClient(Struct, frozen=True):
    """A client that proved who it is: by a ``secret``, by the key that is named, or not at all."""

    client: Client
    secret: ClientSecret | None
    key_id: str | None = None

    @property
    def secret_id(self) -> str | None:
        """The name of the secret, if it was one."""
        return None if self.secret is None else self.secret.id

    def would_still(self, now: int) -> bool:
        """Whether it would prove itself again, by the same secret, if nobody has changed either."""
        return self.secret is not None and self.secret.is_live(now)

    @property
    def proof(self) -> str:
        """By what it was known, as events say it."""
        if self.secret_id is not None:
            return f"secret:{self.secret_id}"
        return f"key:{self.key_id}" if self.key_id is not None else NO_PROOF


async def credentials_of(
    authority: Authority, parameters: Parameters, authorization: str | None
) -> Credentials:
    """Read the client's credentials, and use up the assertion that is among them.

    Raises:
        OAuthError: ``invalid_client`` or ``invalid_request``.
        StoreUnavailable: the assertion could not be used up.
    """
    return await _proved(authority, credentials_in(parameters, authorization))


async def credentials_of_header(authority: Authority, authorization: str | None) -> Credentials:
    """Read them from the header alone, for requests without a form; ``Bearer`` is an assertion.

    Never from the URL: it would end up in logs.

    Raises:
        OAuthError: ``invalid_client`` or ``invalid_request``.
        StoreUnavailable: the assertion could not be used up.
    """
    scheme, _, unverified = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        return credentials_in(_NOTHING, authorization)
    return await _proved(authority, _asserted(unverified.strip(), None))


async def _proved(authority: Authority, credentials: Credentials) -> Credentials:
    if credentials.assertion is None:
        return credentials
    taken = await client_assertions.take(authority, credentials.client_id, credentials.assertion)
    return replace(credentials, assertion=None, key_id=taken)


def credentials_in(parameters: Parameters, authorization: str | None) -> Credentials:
    """Read the client's credentials from the header or the body: by one method, never by two.

    Raises:
        OAuthError: ``invalid_client`` or ``invalid_request`` (OAuth 2.1 §2.4.1).
    """
    given, unverified = parameters.get("client_secret"), parameters.get("client_assertion")
    if unverified is not None or parameters.get("client_assertion_type") is not None:
        if given is not None or authorization is not None:
            raise invalid_request("The client proves itself in two ways; choose one.")
        return _assertion_in(parameters)
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


def _assertion_in(parameters: Parameters) -> Credentials:
    unverified = parameters.require("client_assertion")
    if parameters.require("client_assertion_type") != ASSERTION_TYPE:
        raise invalid_client(_REFUSED, detail="an assertion of a type that is not taken here")
    return _asserted(unverified, parameters.get("client_id"))


def _asserted(unverified: str, client_id: str | None) -> Credentials:
    try:
        claimed = client_id_in(unverified)
    except WrongAssertion as error:
        raise client_assertions.refused(error) from None
    if client_id is not None and client_id != claimed:
        raise invalid_request("The parameter client_id differs from the client assertion.")
    return Credentials(claimed, None, METHOD, Secret(unverified))


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
    secret = await _matching_secret(tx, client, credentials)
    if client is None:
        raise invalid_client(_REFUSED, detail="no such client")
    if client.public != (credentials.method == "none") or (
        bool(client.jwks) != (credentials.method == METHOD)
    ):
        raise invalid_client(_REFUSED, detail="a method that this client does not use")
    if client.jwks:
        _demand_key(client, credentials)
    elif not client.public and secret is None:
        raise invalid_client(_REFUSED, detail=f"wrong secret for {client.client_id!r}")
    if not client.is_enabled:
        raise invalid_client(_REFUSED, detail=f"{client.client_id!r} is disabled")
    return AuthenticatedClient(client, secret, credentials.key_id)


def _demand_key(client: Client, credentials: Credentials) -> None:
    """Demand a key that stands at this moment: it may have gone since the assertion was taken."""
    if credentials.key_id is None or credentials.key_id not in thumbprints_in(client.jwks):
        raise invalid_client(_REFUSED, detail=f"no key of {client.client_id!r} was proved")


async def _matching_secret(
    tx: Transaction, client: Client | None, credentials: Credentials
) -> ClientSecret | None:
    if credentials.secret is None:
        return None
    digest = credentials.secret.fingerprint()
    matched = None
    for secret in await tx.clients.secrets_of(client.client_id) if client else ():
        if hmac.compare_digest(secret.digest, digest) and secret.is_live(tx.now):
            matched = secret
    return matched


def demand_confidential(client: Client) -> None:
    """Demand a client that can keep a secret.

    Raises:
        OAuthError: ``unauthorized_client``.
    """
    if client.public:
        raise OAuthError("unauthorized_client", "Public clients may not use this endpoint.")


def demand_right(client: Client, scope: str) -> None:
    """Demand a client that can keep a secret, and was registered with a right at this server.

    Raises:
        OAuthError: ``unauthorized_client``, ``insufficient_scope``.
    """
    demand_confidential(client)
    if scope not in client.scopes:
        sentence = f"This client was not registered with the scope {scope}."
        raise OAuthError("insufficient_scope", sentence, detail=client.client_id)
