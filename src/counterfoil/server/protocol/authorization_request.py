"""The authorization request, read by two tables of checks (OAuth 2.1 §4.1.1, RFC 9700 §2.1).

IDENTIFY finds who asks and where to answer: an error there is a page, never a redirect. CHECKS
come after: an error there is sent back to the client.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from counterfoil.oauth import dpop, pkce
from counterfoil.oauth.access import Access, asked, scopes_in
from counterfoil.oauth.acr import least_of
from counterfoil.oauth.errors import OAuthError, invalid_request, invalid_scope
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol import id_token_hint
from counterfoil.server.protocol.audience import catalogue
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.limit_narrowing import limited
from counterfoil.server.protocol.pending import Pending, is_too_long
from counterfoil.server.records.client import Client
from counterfoil.server.records.language import language_among
from counterfoil.server.records.store import Transaction

PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_LONGEST: Final = 2048


class Asking(Struct, frozen=True):
    """Who asks, and where the answer goes."""

    client: Client
    redirect_uri: str
    state: str | None


class Denied(Struct, frozen=True):
    """A request that failed a check: the error goes to the client."""

    asking: Asking
    error: OAuthError


Check = Callable[[Client, Parameters], None]


async def read(
    authority: Authority, tx: Transaction, parameters: Parameters, session: str = ""
) -> Pending | Denied:
    """Read an authorization request; ``session`` is the fingerprint of the cookie that came too.

    Raises:
        OAuthError: the client or the redirect URI is not to be trusted; show a page.
    """
    client = await known_client(tx, parameters.require("client_id"))
    asking = Asking(client, _redirect_uri(client, parameters), parameters.get("state"))
    try:
        for check in CHECKS:
            check(client, parameters)
        pending = await _pending(authority, tx, asking, parameters, session)
        _demand_carriable(pending)
        return pending
    except OAuthError as error:
        return Denied(asking, error)


def _demand_carriable(pending: Pending) -> None:
    if is_too_long(pending):
        raise invalid_request("The parameters state, nonce and login_hint are too long together.")


async def known_client(tx: Transaction, client_id: str) -> Client:
    """Give an enabled client.

    Raises:
        OAuthError: ``invalid_request`` where there is none.
    """
    client = await tx.clients.find(client_id)
    if client is None or not client.is_enabled:
        why = "no such client" if client is None else f"{client.client_id!r} is disabled"
        sentence = "The parameter client_id names no app that is known here."
        raise invalid_request(sentence, detail=why)
    return client


def _redirect_uri(client: Client, parameters: Parameters) -> str:
    given = parameters.get("redirect_uri")
    if given is None:
        if len(client.redirect_uris) != 1:
            raise invalid_request("The parameter redirect_uri is missing.")
        return client.redirect_uris[0]
    demand_redirect_to(client, given)
    return given


def demand_redirect_to(client: Client, redirect_uri: str) -> None:
    """Demand that an app may be answered there.

    Raises:
        OAuthError: ``invalid_request``: it is not registered, or no longer.
    """
    if not client.allows_redirect_to(redirect_uri):
        sentence = "The parameter redirect_uri is not one that the app registered."
        raise invalid_request(sentence, detail=f"redirect_uri of {client.client_id!r}")


def _check_request_objects(_: Client, parameters: Parameters) -> None:
    if parameters.get("request") is not None:
        raise OAuthError("request_not_supported", "The parameter request is not supported.")
    if parameters.get("request_uri") is not None:
        raise OAuthError("request_uri_not_supported", "The parameter request_uri is not supported.")
    if parameters.get("registration") is not None:
        raise OAuthError(
            "registration_not_supported", "The parameter registration is not supported."
        )


def _check_response_type(client: Client, parameters: Parameters) -> None:
    if parameters.require("response_type") != "code":
        raise OAuthError("unsupported_response_type", "The parameter response_type must be code.")
    if parameters.get("response_mode") not in (None, "query"):
        raise invalid_request("The parameter response_mode must be query.")
    client.demand_grant_type("authorization_code")


def _check_pkce(_: Client, parameters: Parameters) -> None:
    challenge = parameters.require("code_challenge")
    if parameters.get("code_challenge_method") != pkce.METHOD:
        raise invalid_request("The parameter code_challenge_method must be S256.")
    if not pkce.is_challenge(challenge):
        raise invalid_request("The parameter code_challenge is not a SHA-256 in base64url.")


def check_dpop(_: Client, parameters: Parameters) -> None:
    """Demand that ``dpop_jkt``, where it is given, is a thumbprint (RFC 9449 §10)."""
    thumbprint = parameters.get("dpop_jkt")
    if thumbprint is not None and not dpop.is_thumbprint(thumbprint):
        raise invalid_request("The parameter dpop_jkt is not a SHA-256 thumbprint in base64url.")


def _check_lengths(_: Client, parameters: Parameters) -> None:
    for name in ("state", "nonce", "login_hint", "acr_values"):
        if len(parameters.get(name) or "") > _LONGEST:
            raise invalid_request(f"The parameter {name} is longer than {_LONGEST} characters.")


def _check_prompt(_: Client, parameters: Parameters) -> None:
    prompt = _prompts(parameters)
    if not prompt <= PROMPTS:
        raise invalid_request("The parameter prompt holds a value that is not known here.")
    if "none" in prompt and len(prompt) > 1:
        raise invalid_request("The parameter prompt holds none together with others.")


def _check_max_age(_: Client, parameters: Parameters) -> None:
    max_age = parameters.get("max_age")
    if max_age is not None and not (max_age.isascii() and max_age.isdigit() and len(max_age) < 10):
        raise invalid_request("The parameter max_age is not a number of seconds.")


CHECKS: Final[tuple[Check, ...]] = (
    _check_lengths,
    _check_request_objects,
    _check_response_type,
    _check_pkce,
    check_dpop,
    _check_prompt,
    _check_max_age,
)


async def access_asked(tx: Transaction, client: Client, parameters: Parameters) -> Access:
    """Give what an app asks a person for: scopes, each at the API that it is meant for.

    Raises:
        OAuthError: ``invalid_scope``, ``invalid_target`` or ``invalid_authorization_details``.
    """
    scopes = scopes_in(parameters.get("scope"))
    beyond = scopes - client.scopes
    if beyond:
        raise invalid_scope(f"This app may not ask for the scope {min(beyond)}.")
    access = asked(scopes, parameters.every("resource"), await catalogue(tx, client))
    if access.is_empty:
        raise invalid_scope("The parameter scope is missing: ask for at least one scope.")
    return await limited(tx, client, access, parameters)


def _subject_hint(
    authority: Authority, client: Client, parameters: Parameters, now: int
) -> str | None:
    """Give the person whom the app means (OpenID Connect Core §3.1.2.1)."""
    unverified = parameters.get("id_token_hint")
    if unverified is None:
        return None
    hint = id_token_hint.read(authority, unverified, now)
    if hint.token.aud != client.client_id:
        raise invalid_request("The parameter id_token_hint is no ID token of this app.")
    if hint.is_genuine:
        return hint.token.sub
    if "none" in _prompts(parameters):
        raise OAuthError("login_required", "The parameter id_token_hint is too old to be believed.")
    return None


def _prompts(parameters: Parameters) -> frozenset[str]:
    return frozenset((parameters.get("prompt") or "").split())


async def _pending(
    authority: Authority, tx: Transaction, asking: Asking, parameters: Parameters, session: str
) -> Pending:
    subject_hint = _subject_hint(authority, asking.client, parameters, tx.now)
    access = await access_asked(tx, asking.client, parameters)
    max_age = parameters.get("max_age")
    return Pending(
        client_id=asking.client.client_id,
        redirect_uri=asking.redirect_uri,
        code_challenge=parameters.require("code_challenge"),
        access=access,
        requested_at=tx.now,
        state=asking.state,
        nonce=parameters.get("nonce"),
        prompt=_prompts(parameters),
        max_age=int(max_age) if max_age is not None else None,
        least_acr=least_of((parameters.get("acr_values") or "").split()),
        login_hint=parameters.get("login_hint"),
        subject_hint=subject_hint,
        session=session,
        dpop_jkt=parameters.get("dpop_jkt"),
        language=language_among(parameters.get("ui_locales") or ""),
    )
