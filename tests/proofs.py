"""Makes DPoP proofs, right and wrong, and sends them (RFC 9449 §4.2)."""

import json
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import httpx2

from counterfoil.jose import jwk
from counterfoil.jose.keys import PrivateKey
from tests.installation import CALLBACK, Installation, Person

GONE = object()
"""Stands for a member that is left out."""


def spelled(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def encoded(members: dict[str, Any]) -> str:
    kept = {name: value for name, value in members.items() if value is not GONE}
    return spelled(json.dumps(kept, separators=(",", ":")).encode())


class Holder:
    """Holds a key, and makes whatever proof a test asks for."""

    def __init__(self, algorithm: str = "ES256") -> None:
        self.key = PrivateKey.generate(algorithm)

    @property
    def jwk(self) -> dict[str, str]:
        return jwk.members_of(self.key.public.native)

    @property
    def thumbprint(self) -> str:
        return self.key.public.thumbprint

    def header(self, **changes: Any) -> dict[str, Any]:
        name = self.key.public.algorithm.name
        return {"typ": "dpop+jwt", "alg": name, "jwk": self.jwk} | changes

    def proof(
        self,
        method: str,
        url: str,
        now: float,
        token: str | None = None,
        *,
        header: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """A proof for one request; ``header`` and further arguments change it."""
        claims: dict[str, Any] = {
            "jti": secrets.token_hex(8),
            "htm": method,
            "htu": url,
            "iat": int(now),
        }
        if token is not None:
            claims["ath"] = spelled(sha256(token.encode()).digest())
        signed = f"{encoded(self.header(**(header or {})))}.{encoded(claims | changes)}"
        return f"{signed}.{spelled(self.key.sign(signed.encode()))}"


class App:
    """A client of an installation that proves a key."""

    def __init__(self, place: Installation, client_id: str, holder: Holder | None = None) -> None:
        self.place = place
        self.client_id = client_id
        self.holder = holder or Holder()

    def proof(self, path: str = "/token", method: str = "POST", **changes: Any) -> str:
        url = f"{self.place.issuer}{path}"
        return self.holder.proof(method, url, self.place.clock(), **changes)

    async def send(self, *proofs: str, **form: str) -> httpx2.Response:
        """A token request with just these proofs."""
        secret = self.place.secrets.get(self.client_id)
        sent = form if secret else {"client_id": self.client_id} | form
        auth = (self.client_id, secret) if secret else None
        headers = [("dpop", proof) for proof in proofs]
        async with self.place.browser() as browser:
            return await browser.post("/token", data=sent, auth=auth, headers=headers)

    async def ask(self, **form: str) -> httpx2.Response:
        """A token request with a good proof."""
        return await self.send(self.proof(), **form)

    async def refresh(self, refresh_token: str, *proofs: str) -> httpx2.Response:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self.send(*(proofs or (self.proof(),)), **form)

    async def exchange(self, person: Person, code: str, *proofs: str) -> httpx2.Response:
        return await self.send(
            *(proofs or (self.proof(),)),
            grant_type="authorization_code",
            code=code,
            code_verifier=person.verifier,
            redirect_uri=CALLBACK,
        )

    async def tokens(self, person: Person, **parameters: str) -> dict[str, Any]:
        """The whole way to tokens that are bound to the key."""
        answer = await self.exchange(person, await person.code(self.client_id, **parameters))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def userinfo(
        self, token: str, *proofs: str, scheme: str = "DPoP", method: str = "GET"
    ) -> httpx2.Response:
        """Userinfo with a token and these proofs."""
        headers = [("authorization", f"{scheme} {token}"), *(("dpop", each) for each in proofs)]
        async with self.place.browser() as browser:
            return await browser.request(method, "/userinfo", headers=headers)
