"""A client: an app, service or automation that may ask for tokens (RFC 6749 §2, RFC 7591 §2)."""

import re
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from counterfoil.oauth.access import Access
from counterfoil.oauth.delegation import GRANT_TYPE as TOKEN_EXCHANGE
from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.server.records.exchange_right import ExchangeRight
from counterfoil.server.records.policy import ClientPolicy

DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"
GRANT_TYPES: Final = (
    "authorization_code",
    "client_credentials",
    "refresh_token",
    DEVICE_CODE,
    TOKEN_EXCHANGE,
)
BY_PEOPLE: Final = frozenset({"authorization_code", DEVICE_CODE})
"""The grant types that begin with a person who allows it."""
_AUTHORITY: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])?(?::[0-9]{1,5})?")
"""It also stands in the pages' policy (CSP), where other characters would begin a new rule."""
MOST_SECRETS: Final = 2
INTROSPECT: Final = "introspect"
"""A client registered with this scope may introspect every token, not only its own."""
END_USERS: Final = "global_token_revocation"
"""A client registered with this scope may end everything of any person."""
REPORT: Final = "report_sightings"
"""A client registered with this scope may report where tokens were seen."""
SPEND: Final = "spend_allowances"
"""A client registered with this scope may count what limited tokens do."""
MINT: Final = "mint"
"""A client registered with this scope may mint tokens from descriptions of its own (S56)."""
RESERVED_SCOPES: Final = frozenset({INTROSPECT, END_USERS, REPORT, SPEND, MINT})
"""Rights at the server itself: no API may have them, and no token carries them."""
LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "[::1]", "localhost"})


class ClientSecret(Struct, frozen=True):
    """One of a client's secrets, by its SHA-256. Times in seconds since the epoch."""

    id: str
    client_id: str
    digest: bytes
    created_at: int
    expires_at: int | None = None
    last_used_at: int | None = None

    def is_live(self, now: int) -> bool:
        """Whether the secret may still be used."""
        return self.expires_at is None or now < self.expires_at


class Client(Struct, frozen=True, kw_only=True):
    """A registered client. ``generation`` rises when all its tokens are ended at once.

    ``access`` says at which API it may have which of its ``scopes``: an API that is added later,
    with a scope of the same name, is not meant.
    """

    client_id: str
    client_name: str
    created_at: int
    grant_types: tuple[str, ...]
    scopes: frozenset[str]
    access: Access = Access()
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    public: bool = False
    generation: int = 1
    disabled_at: int | None = None
    policy: ClientPolicy = ClientPolicy()
    jwks: str = ""
    """Its public keys, a JWK Set as it is kept: who has them has no secret (RFC 7523)."""
    exchange_rights: tuple[ExchangeRight, ...] = ()
    backchannel_logout_uri: str = ""
    """Where it is told that a session has ended; empty: nowhere."""
    backchannel_logout_session_required: bool = False
    """Whether it must be told which session that was."""

    @property
    def is_enabled(self) -> bool:
        """Whether the client may act at all."""
        return self.disabled_at is None

    @property
    def has_secret(self) -> bool:
        """Whether it proves itself by a secret."""
        return not self.public and not self.jwks

    @property
    def token_endpoint_auth_method(self) -> str:
        """The method of RFC 7591 §2; confidential clients may also send their secret by POST."""
        if self.jwks:
            return "private_key_jwt"
        return "none" if self.public else "client_secret_basic"

    def demand_grant_type(self, grant_type: str) -> None:
        """Demand that the client is registered for this grant type.

        Raises:
            OAuthError: ``unauthorized_client`` (RFC 6749 §5.2).
        """
        if grant_type not in self.grant_types:
            raise OAuthError(
                "unauthorized_client", f"This client may not use the grant type {grant_type}."
            )

    def right_to_exchange(self, source: str, target: str) -> ExchangeRight | None:
        """Give the right to exchange tokens for one API for tokens for another, if it has that."""
        for right in self.exchange_rights:
            if (right.source, right.target) == (source, target):
                return right
        return None

    def guards(self, audience: str) -> bool:
        """Whether a guard that has its credentials may be one of this API.

        A client with scopes at some APIs is theirs; one with none is everyone's.
        """
        return not self.access.apis or audience in self.access.apis

    def allows_redirect_to(self, redirect_uri: str) -> bool:
        """Compare exactly with the registered ones, loopback ports excepted (RFC 8252 §7.3)."""
        return redirect_uri in self.redirect_uris or any(
            _same_but_for_port(redirect_uri, registered) for registered in self.redirect_uris
        )


def _same_but_for_port(given: str, registered: str) -> bool:
    if not registered.startswith("http://"):
        return False
    try:
        ours, theirs = urlsplit(registered), urlsplit(given)
        _ = theirs.port
    except ValueError:
        return False
    host = ours.netloc.removesuffix(f":{ours.port}")
    return (
        host in {"127.0.0.1", "[::1]"}
        and given == theirs.geturl()
        and theirs.netloc.removesuffix(f":{theirs.port}") == host
        and (ours.scheme, ours.path, ours.query) == (theirs.scheme, theirs.path, theirs.query)
        and not theirs.fragment
    )


def demand_redirect_uri(uri: str, *, development: bool) -> None:
    """Check a redirect URI at registration (OAuth 2.1 §2.3, RFC 8252 §7).

    ``https`` for everyone; ``http`` on a loopback address; a private scheme with a dot in it.

    Raises:
        OAuthError: ``invalid_request``, saying what is wrong with it.
    """
    parts = _demand_plain("A redirect URI", uri)
    is_private = parts.scheme not in {"https", "http"} and "." in parts.scheme and not parts.netloc
    if not is_private and not _is_web(parts, development=development):
        raise invalid_request(
            "A redirect URI must use https, http on a loopback address, or a private scheme "
            "such as com.example.app:/callback."
        )


def demand_backchannel_logout(client: Client, *, development: bool) -> None:
    """Check where a client is to be told of logouts (OpenID Connect Back-Channel Logout §2.2).

    Whether the address may be called is asked when it is called: names lead elsewhere tomorrow.

    Raises:
        OAuthError: ``invalid_request``, saying what is wrong with it.
    """
    uri = client.backchannel_logout_uri
    if not uri:
        if client.backchannel_logout_session_required:
            raise invalid_request(
                "backchannel_logout_session_required goes with a backchannel_logout_uri."
            )
        return
    parts = _demand_plain("A backchannel_logout_uri", uri)
    if not _is_web(parts, development=development):
        raise invalid_request(
            "A backchannel_logout_uri must use https, or http on a loopback address."
        )
    if "authorization_code" not in client.grant_types:
        raise invalid_request(
            "A backchannel_logout_uri goes with the grant type authorization_code: only so does "
            "a client take part in sessions."
        )


def _demand_plain(what: str, uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        _ = parts.hostname, parts.port
    except ValueError:
        raise invalid_request(f"{what} is not a URI.") from None
    if "#" in uri or not parts.scheme or not uri.isascii() or not uri.isprintable() or " " in uri:
        raise invalid_request(f"{what} must be an absolute ASCII URI without a fragment.")
    if "@" in parts.netloc or "*" in uri or "\\" in uri:
        raise invalid_request(f"{what} must not hold a user, a wildcard or a backslash.")
    if _AUTHORITY.fullmatch(parts.netloc) is None:
        raise invalid_request(f"{what}'s host may hold letters, digits, dots and hyphens.")
    return parts


def _is_web(parts: SplitResult, *, development: bool) -> bool:
    """Whether it is https, or http on a loopback address."""
    match parts.scheme:
        case "https":
            return bool(parts.hostname)
        case "http":
            own = {"127.0.0.1", "::1"} | ({"localhost"} if development else set())
            return parts.hostname in own
        case _:
            return False


class Clients(Protocol):
    """Registered clients and their secrets."""

    async def add(self, client: Client) -> None:
        """Add; raises ``Conflict`` where the ``client_id`` is taken."""

    async def find(self, client_id: str) -> Client | None: ...
    async def every(self) -> list[Client]: ...
    async def update(self, client: Client) -> bool:
        """Change what was registered, policy included; ``False`` where there is no such client.

        Generation, kind and state stay: they have verbs of their own.
        """

    async def secrets_of(self, client_id: str) -> list[ClientSecret]:
        """Every secret that has not been removed, oldest first."""

    async def find_secret(self, digest: bytes) -> ClientSecret | None:
        """Look up by the digest of its text, whosever it is."""

    async def add_secret(self, secret: ClientSecret) -> None: ...
    async def expire_secret(self, secret_id: str, at: int) -> None:
        """Let a secret expire at a time, never later than it would have."""

    async def touch_secrets(self, used_at: Mapping[str, int]) -> None:
        """Note when secrets were last used; time never runs backwards."""

    async def disable(self, client_id: str, at: int) -> bool:
        """Disable; ``False`` where there is no such enabled client."""

    async def enable(self, client_id: str) -> bool:
        """Enable; ``False`` where there is no such disabled client."""

    async def next_generation(self, client_id: str) -> int:
        """Draw the next generation: all tokens of an earlier one are dead."""
