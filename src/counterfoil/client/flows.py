"""Every flow, written once as a generator of requests; blocking and async code drive the same."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.client.authentication import introduced
from counterfoil.client.authorization import (
    Attempt,
    SignIn,
    authorization_url,
    code_in,
    new_attempt,
)
from counterfoil.client.device import GRANT_TYPE, SLOWER, DeviceSignIn, device_sign_in
from counterfoil.client.dpop import DpopKey, Prover
from counterfoil.client.errors import NotTrusted, Refused
from counterfoil.client.exchanging import exchange_form, ticket_form, with_ticket
from counterfoil.client.id_token import Expected, identity_in
from counterfoil.client.logout_token import ended_in
from counterfoil.client.outside import REAL, Outside
from counterfoil.client.provider import Provider
from counterfoil.client.registration import Registration
from counterfoil.client.tokens import BEARER, Tokens, tokens_in
from counterfoil.net.exchange import Answer, Exchange, Request
from counterfoil.net.http import BadAnswer, HttpFailure, Unreachable
from counterfoil.oauth import dpop
from counterfoil.oauth.logout_token import Between, Ended
from counterfoil.oauth.parameters import appended

NO_FURTHER: Final[Mapping[str, str]] = MappingProxyType({})
_BUSY = frozenset({429, 502, 503, 504})


class _Error(Struct, frozen=True):
    error: str
    error_description: str = ""


def _keep_nothing(_: Tokens) -> None:
    """For those who keep what comes back themselves."""


class Flows:
    """The flows of one registered client."""

    def __init__(
        self, registration: Registration, outside: Outside = REAL, key: DpopKey | None = None
    ) -> None:
        self.registration = registration
        self.outside = outside
        self.prover = None if key is None else Prover(key, outside)
        self._provider = Provider(registration.issuer, outside.clock)

    def begin(self, scope: str, further: Mapping[str, str]) -> Exchange[SignIn]:
        """Begin a sign-in (OAuth 2.1 §4.1.1); with a key, for that key alone (RFC 9449 §10)."""
        metadata = yield from self._provider.metadata()
        if self.prover is not None:
            further = {**further, "dpop_jkt": self.prover.key.thumbprint}
        attempt = new_attempt(self.registration, scope, further, self.outside.random)
        return SignIn(authorization_url(metadata, self.registration, attempt, further), attempt)

    def complete(self, attempt: Attempt, callback: str) -> Exchange[Tokens]:
        """Exchange the code that the browser brought back (OAuth 2.1 §4.1.3)."""
        metadata = yield from self._provider.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code_in(callback, attempt, metadata),
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.code_verifier,
        }
        tokens = yield from self._tokens(form | _target(attempt.resource), attempt.scope)
        return (yield from self._signed_in(tokens, attempt.scope, attempt))

    def begin_device(self, scope: str, resource: str | None) -> Exchange[DeviceSignIn]:
        """Ask for a code that the person enters on another device (RFC 8628 §3.1)."""
        metadata = yield from self._provider.metadata()
        url = metadata.address("device_authorization_endpoint")
        answer = yield self._request(url, {"scope": scope} | _target(resource))
        if answer.status != 200:
            raise _refusal_in(answer)
        return device_sign_in(answer.json(), scope, self.outside.clock())

    def finish_device(self, device: DeviceSignIn) -> Exchange[Tokens]:
        """Ask until the person has decided, as seldom as the server wants (RFC 8628 §3.4, §3.5)."""
        form = {"grant_type": GRANT_TYPE, "device_code": device.device_code}
        pause = device.interval
        while self.outside.clock() + pause < device.expires_at:
            try:
                tokens = yield from self._tokens(form, device.scope, pause)
            except Refused as refused:
                if refused.error not in {"authorization_pending", "slow_down"}:
                    raise
                pause += SLOWER if refused.error == "slow_down" else 0
            except HttpFailure as failure:
                if isinstance(failure, BadAnswer) and failure.status not in _BUSY:
                    raise
                pause *= 2
            else:
                return (yield from self._signed_in(tokens, device.scope))
        raise Refused("expired_token", "Nobody allowed it in time: begin anew.")

    def refresh(
        self,
        held: Tokens,
        resource: str | None,
        keep: Callable[[Tokens], None] = _keep_nothing,
        narrowing: Mapping[str, str] = NO_FURTHER,
    ) -> Exchange[Tokens]:
        """Get fresh tokens; what the answer leaves out stays as it was (RFC 6749 §6).

        Where the answer is lost it asks once more: the server gives the same refresh token again.
        ``keep`` is called with the new refresh token before anything else that could fail.
        ``narrowing``: parameters that make less of the access token, and of it alone.
        """
        if held.refresh_token is None:
            raise Refused("invalid_grant", "There is no refresh token.")
        form = {**narrowing, "grant_type": "refresh_token", "refresh_token": held.refresh_token}
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
        keep(msgspec.structs.replace(held, refresh_token=kept.refresh_token))
        return (yield from self._identified(kept))

    def client_credentials(
        self, scope: str, resource: str | None, narrowing: Mapping[str, str] = NO_FURTHER
    ) -> Exchange[Tokens]:
        """Get a token for the client itself (RFC 6749 §4.4); ``narrowing`` as for a refresh."""
        form = {**narrowing, "grant_type": "client_credentials", "scope": scope}
        form |= _target(resource)
        return (yield from self._tokens(form, scope))

    def exchange(
        self, subject_token: str, scope: str, further: Mapping[str, str]
    ) -> Exchange[Tokens]:
        """Exchange a token for another (RFC 8693)."""
        form = exchange_form(subject_token, further) | {"scope": scope}
        return (yield from self._tokens(form, scope))

    def ticket(self, subject_token: str, url: str, further: Mapping[str, str]) -> Exchange[str]:
        """Exchange a token for a ticket (S73); gives the URL with it."""
        metadata = yield from self._provider.metadata()
        endpoint = metadata.address("token_endpoint")
        form = ticket_form(subject_token, url, further)
        answer = yield from self._proving(lambda: self._request(endpoint, form))
        if answer.status != 200:
            raise _refusal_in(answer)
        return with_ticket(url, answer.json())

    def revoke(self, token: str) -> Exchange[None]:
        """Give a token back (RFC 7009 §2); one that is dead already is no error."""
        metadata = yield from self._provider.metadata()
        answer = yield self._request(metadata.address("revocation_endpoint"), {"token": token})
        if answer.status != 200:
            raise _refusal_in(answer)

    def logout_url(self, tokens: Tokens | None, state: str) -> Exchange[str]:
        """Write where to send the browser to sign out (OpenID Connect RP-Initiated Logout §2)."""
        metadata = yield from self._provider.metadata()
        registration = self.registration
        parameters = {
            "client_id": registration.client_id,
            "id_token_hint": (tokens.id_token if tokens else None) or "",
            "post_logout_redirect_uri": registration.post_logout_redirect_uri,
            "state": state if registration.post_logout_redirect_uri else "",
        }
        said = {name: value for name, value in parameters.items() if value}
        return appended(metadata.address("end_session_endpoint"), said)

    def fetch(self, tokens: Tokens, request: Request) -> Exchange[Answer]:
        """Call an API (RFC 6750 §2.1, RFC 9449 §7.1)."""
        authorization = f"{tokens.token_type} {tokens.access_token}"
        shown = msgspec.structs.replace(request, authorization=authorization)
        if tokens.token_type == BEARER:
            return (yield shown)
        return (yield from self._proving(lambda: shown, tokens.access_token))

    def headers(self, tokens: Tokens, method: str, url: str) -> dict[str, str]:
        """Write the headers for one call of an API by other means."""
        authorization = f"{tokens.token_type} {tokens.access_token}"
        if tokens.token_type == BEARER:
            return {"Authorization": authorization}
        proof = self._needed().proof(method, url, tokens.access_token)
        return {"Authorization": authorization, "DPoP": proof}

    def _tokens(self, form: Mapping[str, str], asked: str, after: float = 0) -> Exchange[Tokens]:
        metadata = yield from self._provider.metadata()
        url = metadata.address("token_endpoint")
        answer = yield from self._proving(lambda: self._request(url, form), after=after)
        if answer.status != 200:
            raise _refusal_in(answer)
        token_type = BEARER if self.prover is None else dpop.SCHEME
        return tokens_in(answer.json(), asked, self.outside.clock(), token_type)

    def _proving(
        self, write: Callable[[], Request], access_token: str | None = None, after: float = 0
    ) -> Exchange[Answer]:
        """Send a request with a proof; once more where the server wants its nonce in it (§8).

        It is written anew then: an assertion of the client, too, is good once (RFC 7523 §3).
        """
        first = msgspec.structs.replace(write(), after=after)
        if self.prover is None and access_token is None:
            return (yield first)
        prover = self._needed()
        answer = yield _proved(prover, first, access_token)
        if prover.heed(answer):
            answer = yield _proved(prover, write(), access_token)
            prover.heed(answer)
        return answer

    def _needed(self) -> Prover:
        if self.prover is None:
            raise ValueError("these tokens are bound to a key, and this client was given none")
        return self.prover

    def _request(self, url: str, form: Mapping[str, str]) -> Request:
        given = {name: value for name, value in form.items() if value}
        introduction = introduced(self.registration, self.outside)
        return Request(url, given | introduction.form, introduction.authorization)

    def _signed_in(
        self, tokens: Tokens, scope: str, attempt: Attempt | None = None
    ) -> Exchange[Tokens]:
        """Say who signed in, where that was asked for."""
        if "openid" not in scope.split():
            return tokens
        if tokens.id_token is None:
            raise NotTrusted("the token response has no ID token, which was asked for")
        if attempt is None:
            return (yield from self._identified(tokens))
        return (yield from self._identified(tokens, attempt.nonce, attempt.max_age))

    def _identified(
        self, tokens: Tokens, nonce: str | None = None, max_age: int | None = None
    ) -> Exchange[Tokens]:
        unverified = tokens.id_token or ""
        keys = yield from self._provider.keys_for(unverified)
        expected = Expected(
            issuer=self.registration.issuer,
            client_id=self.registration.client_id,
            nonce=nonce,
            max_age=max_age,
            subject=tokens.identity.subject if tokens.identity else None,
        )
        identity = identity_in(unverified, keys, expected, self.outside.clock())
        return msgspec.structs.replace(tokens, identity=identity)

    def read_logout_token(self, unverified: str) -> Exchange[Ended]:
        """Verify a logout token, by the keys that the issuer publishes."""
        keys = yield from self._provider.keys_for(unverified)
        between = Between(self.registration.issuer, self.registration.client_id)
        return ended_in(unverified, keys, between, self.outside.clock())


def _proved(prover: Prover, request: Request, access_token: str | None) -> Request:
    proof = prover.proof(request.method, request.url, access_token)
    return msgspec.structs.replace(request, proof=proof)


def _target(resource: str | None) -> dict[str, str]:
    return {} if not resource else {"resource": resource}


def _refusal_in(answer: Answer) -> Exception:
    try:
        said = msgspec.convert(answer.json(), _Error)
    except (BadAnswer, msgspec.ValidationError):
        return BadAnswer(f"{answer.url} answered {answer.status}", answer.status)
    return Refused(said.error, said.error_description)
