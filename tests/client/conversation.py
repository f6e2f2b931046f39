"""Drives a flow by hand: an issuer that is a table of answers. No socket, no thread."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from counterfoil.client.outside import Outside
from counterfoil.client.registration import Registration
from counterfoil.jose import jwt
from counterfoil.jose.keys import KeySet, PrivateKey
from counterfoil.net.exchange import Answer, Exchange, Request
from counterfoil.net.http import Unreachable

T = TypeVar("T")
ISSUER = "https://id.example"
NOW = 1_800_000_000
KEY = PrivateKey.generate()
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks.json",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "end_session_endpoint": f"{ISSUER}/logout",
    "authorization_response_iss_parameter_supported": True,
}
REGISTRATION = Registration(
    issuer=ISSUER,
    client_id="app",
    credential="s3cret",
    redirect_uri="https://app.example/callback",
    post_logout_redirect_uri="https://app.example/bye",
)


def random(size: int) -> bytes:
    """Chance that is none: 0, 1, 2 ..."""
    return bytes(range(size))


OUTSIDE = Outside(lambda: NOW, random)


def answer(document: object, status: int = 200, media_type: str = "application/json") -> Answer:
    return Answer("", status, media_type, json.dumps(document).encode())


def jwks(*keys: PrivateKey) -> Answer:
    return answer(KeySet([key.public for key in keys]).as_jwks())


def id_token(key: PrivateKey = KEY, typ: str = "JWT", **claims: Any) -> str:
    usual = {"iss": ISSUER, "sub": "ada", "aud": "app", "iat": NOW, "exp": NOW + 600}
    said = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.sign(said, key, typ)


class Issuer:
    """Answers by path; remembers what it was asked. ``lost``: so many tokens never arrive."""

    def __init__(self, **answers: Answer) -> None:
        self.answers: dict[str, Answer] = {
            "/.well-known/openid-configuration": answer(METADATA),
            "/jwks.json": jwks(KEY),
        }
        self.answers |= {f"/{name}": value for name, value in answers.items()}
        self.asked: list[Request] = []
        self.lost = 0

    def run(self, exchange: Exchange[T]) -> T:
        try:
            request = next(exchange)
            while True:
                self.asked.append(request)
                path = request.url.removeprefix(ISSUER)
                if path == "/token" and self.lost:
                    self.lost -= 1
                    request = exchange.throw(Unreachable(f"{request.url}: gone"))
                    continue
                given = self.answers.get(path, answer({}, 404))
                said = Answer(request.url, given.status, given.media_type, given.body)
                request = exchange.send(said)
        except StopIteration as end:
            result: T = end.value
            return result

    @property
    def form(self) -> Mapping[str, str]:
        """The form of the last request."""
        return self.asked[-1].form or {}
