"""The way through the browser: the request, and the answer it brings back (OAuth 2.1 §4.1). Pure.

PKCE (RFC 7636), ``state``, ``nonce`` and ``iss`` (RFC 9207) are always in use.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from counterfoil.client.errors import NotTrusted, Refused
from counterfoil.client.metadata import Metadata
from counterfoil.client.registration import Registration
from counterfoil.oauth import pkce
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters, appended

_RANDOM_BYTES: Final = 32


class Attempt(Struct, frozen=True, kw_only=True):
    """One sign-in on its way. Keep it with the browser's own session, and use it once.

    ``resource``: which API the access token is to be for, where the sign-in asks for several.
    """

    state: str
    nonce: str
    code_verifier: str
    redirect_uri: str
    scope: str
    max_age: int | None = None
    resource: str = ""

    def __repr__(self) -> str:
        return f"Attempt(scope={self.scope!r}, …)"


class SignIn(Struct, frozen=True):
    """Where to send the browser, and what to keep until it is back."""

    url: str
    attempt: Attempt


def new_attempt(
    registration: Registration,
    scope: str,
    further: Mapping[str, str],
    random: Callable[[int], bytes],
) -> Attempt:
    """Draw what ties the answer to this browser and this request."""
    max_age = further.get("max_age")
    return Attempt(
        state=_drawn(random),
        nonce=_drawn(random),
        code_verifier=_drawn(random),
        redirect_uri=further.get("redirect_uri", registration.redirect_uri),
        scope=scope,
        max_age=None if max_age is None else int(max_age),
    )


def _drawn(random: Callable[[int], bytes]) -> str:
    return urlsafe_b64encode(random(_RANDOM_BYTES)).rstrip(b"=").decode("ascii")


def authorization_url(
    metadata: Metadata, registration: Registration, attempt: Attempt, further: Mapping[str, str]
) -> str:
    """Write the authorization request (OAuth 2.1 §4.1.1); ``further`` never replaces ours."""
    parameters = {
        **further,
        "response_type": "code",
        "client_id": registration.client_id,
        "redirect_uri": attempt.redirect_uri,
        "scope": attempt.scope,
        "state": attempt.state,
        "code_challenge": pkce.challenge_of(attempt.code_verifier),
        "code_challenge_method": pkce.METHOD,
    }
    if "openid" in attempt.scope.split():
        parameters["nonce"] = attempt.nonce
    return appended(metadata.address("authorization_endpoint"), parameters)


def code_in(callback: str, attempt: Attempt, metadata: Metadata) -> str:
    """Give the code from the URL, or the query, with which the browser came back.

    Raises:
        NotTrusted: it does not answer this attempt, or comes from another issuer.
        Refused: the answer is no.
    """
    answer = _answer_in(urlsplit(callback).query if "?" in callback else callback)
    if not hmac.compare_digest((answer.get("state") or "").encode(), attempt.state.encode()):
        raise NotTrusted("the authorization response answers another request: state differs")
    _demand_issuer(answer.get("iss"), metadata)
    refusal, code = answer.get("error"), answer.get("code")
    if refusal is not None:
        raise Refused(refusal, answer.get("error_description") or "")
    if code is None:
        raise NotTrusted("the authorization response has neither code nor error")
    return code


def _answer_in(query: str) -> Parameters:
    try:
        return Parameters.parse(query)
    except OAuthError as error:
        raise NotTrusted(f"the authorization response: {error.description}") from None


def _demand_issuer(iss: str | None, metadata: Metadata) -> None:
    """Refuse an answer of another issuer, or one that left ``iss`` out (RFC 9207 §2.4)."""
    if iss is None:
        if metadata.authorization_response_iss_parameter_supported:
            raise NotTrusted("the authorization response does not name its issuer")
    elif iss != metadata.issuer:
        raise NotTrusted("the authorization response is from another issuer")
