"""Every flow, written once as a generator of requests; blocking and async code drive the same."""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from counterfoil.client.authorization import (
    Attempt,
    SignIn,
    authorization_url,
    code_in,
    new_attempt,
)
from counterfoil.client.dpop import DpopKey, Prover
from counterfoil.client.errors import NotTrusted, Refused
from counterfoil.client.id_token import Expected, identity_in
from counterfoil.client.provider import Provider
from counterfoil.client.registration import Registration
from counterfoil.client.tokens import BEARER, Tokens, tokens_in
from counterfoil.net.exchange import Answer, Exchange, Request
from counterfoil.net.http import BadAnswer, Unreachable
from counterfoil.oauth import dpop
from counterfoil.oauth.parameters import appended


class _Error(Struct, frozen=True):
    error: str
    error_description: str = ""


class Flows:
    """The flows of one registered client."""

    def __init__(
        self,
        registration: Registration,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        key: DpopKey | None = None,
    ) -> None:
        self._registration = registration
        self._provider = Provider(registration.issuer, clock)
        self._clock = clock
        self._random = random
        self.prover = None if key is None else Prover(key, clock, random)

    def begin(self, scope: str, further: Mapping[str, str]) -> Exchange[SignIn]:
        """Begin a sign-in (OAuth 2.1 §4.1.1); with a key, for that key alone (RFC 9449 §10)."""
        metadata = yield from self._provider.metadata()
        if self.prover is not None:
            further = {**further, "dpop_jkt": self.prover.key.thumbprint}
        attempt = new_attempt(self._registration, scope, further, self._random)
        return SignIn(authorization_url(metadata, self._registration, attempt, further), attempt)

    def complete(self, attempt: Attempt, callback: str) -> Exchange[Tokens]:
        """Exchange the code that the browser brought back (OAuth 2.1 §4.1.3)."""
        metadata = yield from self._provider.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code_in(callback, attempt, metadata),
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.code_verifier,
        }
        tokens = yield from self._tokens(form, attempt.scope)
        if "openid" not in attempt.scope.split():
            return tokens
        if tokens.id_token is None:
            raise NotTrusted("the token response has no ID token, which was asked for")
        return (yield from self._identified(tokens, attempt.nonce, attempt.max_age))

    def refresh(self, held: Tokens, resource: str | None) -> Exchange[Tokens]:
        """Get fresh tokens; what the answer leaves out stays as it was (RFC 6749 §6).

        Where the answer is lost it asks once more: the server gives the same refresh token again.
        """
        if held.refresh_token is None:
            raise Refused("invalid_grant", "There is no refresh token.")
        form = {"grant_type": "refresh_token", "refresh_token": held.refresh_token}
        asked = " ".join(held.scopes)
        try:
            fresh = yield from self._tokens(form | _target(resource), asked)
        except Unreachable:
            fresh = yield from self._tokens(form | _target(resource), asked)
        kept = msgspec.structs.replace(
            fresh,
            refresh_token=fresh.refresh_token or held.refresh_token,
            id_token=fresh.id_token or held.id_token,
            identity=held.identity,
        )
        if fresh.id_token is None:
            return kept
        return (yield from self._identified(kept))

    def client_credentials(self, scope: str, resource: str | None) -> Exchange[Tokens]:
        """Get a token for the client itself (RFC 6749 §4.4)."""
        form = {"grant_type": "client_credentials", "scope": scope} | _target(resource)
        return (yield from self._tokens(form, scope))

    def revoke(self, token: str) -> Exchange[None]:
        """Give a token back (RFC 7009 §2); one that is dead already is no error."""
        metadata = yield from self._provider.metadata()
        answer = yield self._request(metadata.address("revocation_endpoint"), {"token": token})
        if answer.status != 200:
            raise _refusal_in(answer)

    def logout_url(self, tokens: Tokens | None, state: str) -> Exchange[str]:
        """Write where to send the browser to sign out (OpenID Connect RP-Initiated Logout §2)."""
        metadata = yield from self._provider.metadata()
        registration = self._registration
        parameters = {
            "client_id": registration.client_id,
            "id_token_hint": (tokens.id_token if tokens else None) or "",
            "post_logout_redirect_uri": registration.post_logout_redirect_uri,
            "state": state if registration.post_logout_redirect_uri else "",
        }
        said = {name: value for name, value in parameters.items() if value}
        return appended(metadata.address("end_session_endpoint"), said)

    def _tokens(self, form: Mapping[str, str], asked: str) -> Exchange[Tokens]:
        metadata = yield from self._provider.metadata()
        request = self._request(metadata.address("token_endpoint"), form)
        answer = yield from self._proving(request)
        if answer.status != 200:
            raise _refusal_in(answer)
        token_type = BEARER if self.prover is None else dpop.SCHEME
        return tokens_in(answer.json(), asked, self._clock(), token_type)

    def fetch(self, tokens: Tokens, url: str, form: Mapping[str, str] | None) -> Exchange[Answer]:
        """Call an API: a GET, or a POST of a form (RFC 6750 §2.1, RFC 9449 §7.1)."""
        authorization = f"{tokens.token_type} {tokens.access_token}"
        if tokens.token_type == BEARER:
            return (yield Request(url, form, authorization))
        return (yield from self._proving(Request(url, form, authorization), tokens.access_token))

    def headers(self, tokens: Tokens, method: str, url: str) -> dict[str, str]:
        """Write the headers for one call of an API by other means."""
        authorization = f"{tokens.token_type} {tokens.access_token}"
        if tokens.token_type == BEARER:
            return {"Authorization": authorization}
        proof = self._needed().proof(method, url, tokens.access_token)
        return {"Authorization": authorization, "DPoP": proof}

    def _proving(self, request: Request, access_token: str | None = None) -> Exchange[Answer]:
        """Send a request with a proof; once more where the server wants its nonce in it (§8)."""
        if self.prover is None and access_token is None:
            return (yield request)
        prover = self._needed()
        answer = yield _proved(prover, request, access_token)
        if prover.heed(answer):
            answer = yield _proved(prover, request, access_token)
            prover.heed(answer)
        return answer

    def _needed(self) -> Prover:
        if self.prover is None:
            raise ValueError("these tokens are bound to a key, and this client was given none")
        return self.prover

    def _request(self, url: str, form: Mapping[str, str]) -> Request:
        given = {name: value for name, value in form.items() if value}
        registration = self._registration
        return Request(url, given | registration.credentials, registration.authorization)

    def _identified(
        self, tokens: Tokens, nonce: str | None = None, max_age: int | None = None
    ) -> Exchange[Tokens]:
        unverified = tokens.id_token or ""
        keys = yield from self._provider.keys_for(unverified)
        expected = Expected(
            issuer=self._registration.issuer,
            client_id=self._registration.client_id,
            nonce=nonce,
            max_age=max_age,
            subject=tokens.identity.subject if tokens.identity else None,
        )
        identity = identity_in(unverified, keys, expected, self._clock())
        return msgspec.structs.replace(tokens, identity=identity)


def _proved(prover: Prover, request: Request, access_token: str | None) -> Request:
    proof = prover.proof(request.method, request.url, access_token)
    return msgspec.structs.replace(request, proof=proof)


def _target(resource: str | None) -> dict[str, str]:
    return {} if resource is None else {"resource": resource}


def _refusal_in(answer: Answer) -> Exception:
    try:
        said = msgspec.convert(answer.json(), _Error)
    except (BadAnswer, msgspec.ValidationError):
        return BadAnswer(f"{answer.url} answered {answer.status}")
    return Refused(said.error, said.error_description)
