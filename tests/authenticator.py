"""An authenticator and the browser before it, in Python, as WebAuthn Level 3 §6 has them.

It shares no code with what it is tried against, and can be told to do anything wrong.
"""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def spelled(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "==")


class Credential:
    """A key that was made for a host and a person."""

    def __init__(self, rp_id: str, user_handle: bytes) -> None:
        self.id = secrets.token_bytes(32)
        self.rp_id = rp_id
        self.user_handle = user_handle
        self.key = generate_private_key(SECP256R1())
        self.count = 0

    @property
    def cose(self) -> dict[int, Any]:
        point = self.key.public_key().public_numbers()
        x, y = (each.to_bytes(32, "big") for each in (point.x, point.y))
        return {1: 2, 3: -7, -1: 1, -2: x, -3: y}


class Authenticator:
    """Holds credentials. ``verifies``: it asks for a finger; ``counts``: its counters go up.

    What it answers is right unless it is told otherwise: ``origin``, ``rp_id``, ``flags`` and so on
    say what stands in the answer instead.
    """

    def __init__(self, origin: str, *, verifies: bool = True, counts: bool = True) -> None:
        self.origin = origin
        self.verifies = verifies
        self.counts = counts
        self.credentials: list[Credential] = []

    def create(self, options: str, **wrong: Any) -> str:
        """Answer ``navigator.credentials.create()``, as its ``toJSON`` does."""
        asked = json.loads(options)
        credential = Credential(asked["rp"]["id"], octets(asked["user"]["id"]))
        self.credentials.append(credential)
        credential_id = wrong.get("credential_id", credential.id)
        cose = wrong.get("cose", credential.cose)
        attested = bytes(16) + len(credential_id).to_bytes(2, "big") + credential_id
        data = self._data(credential, wrong, ATTESTED) + attested + cbor2.dumps(cose)
        statement = {"fmt": wrong.get("fmt", "none"), "attStmt": wrong.get("statement", {})}
        response = {
            "clientDataJSON": spelled(self._client_data("webauthn.create", asked, wrong)),
            "attestationObject": spelled(
                wrong.get("attestation", cbor2.dumps(statement | {"authData": data}))
            ),
            "transports": ["internal", "hybrid"],
        }
        return self._answer(wrong.get("raw_id", credential_id), response)

    def get(self, options: str, **wrong: Any) -> str:
        """Answer ``navigator.credentials.get()`` with the newest credential that is allowed."""
        asked = json.loads(options)
        allowed = [octets(each["id"]) for each in asked["allowCredentials"]]
        usable = [each for each in self.credentials if not allowed or each.id in allowed]
        credential = usable[-1] if usable else self.credentials[-1]
        credential.count += 1 if self.counts else 0
        data = self._data(credential, wrong)
        client_data = self._client_data("webauthn.get", asked, wrong)
        signature = credential.key.sign(
            data + hashlib.sha256(client_data).digest(), ECDSA(SHA256())
        )
        response = {
            "clientDataJSON": spelled(client_data),
            "authenticatorData": spelled(data),
            "signature": spelled(wrong.get("signature", signature)),
            "userHandle": spelled(wrong.get("user_handle", credential.user_handle)),
        }
        if wrong.get("without_handle"):
            del response["userHandle"]
        return self._answer(wrong.get("credential_id", credential.id), response)

    def _answer(self, credential_id: bytes, response: dict[str, Any]) -> str:
        name = spelled(credential_id)
        whole = {"id": name, "rawId": name, "type": "public-key", "response": response}
        return json.dumps(whole | {"clientExtensionResults": {}})

    def _data(self, credential: Credential, wrong: dict[str, Any], more: int = 0) -> bytes:
        flags = PRESENT | (VERIFIED if self.verifies else 0) | more
        flags = wrong.get("flags", flags) | wrong.get("more_flags", 0)
        host = hashlib.sha256(wrong.get("rp_id", credential.rp_id).encode()).digest()
        count = wrong.get("count", credential.count)
        return host + bytes([flags]) + int(count).to_bytes(4, "big")

    def _client_data(self, kind: str, asked: dict[str, Any], wrong: dict[str, Any]) -> bytes:
        collected = {
            "type": wrong.get("kind", kind),
            "challenge": wrong.get("challenge", asked["challenge"]),
            "origin": wrong.get("origin", self.origin),
            "crossOrigin": False,
        }
        return json.dumps(collected | wrong.get("collected", {})).encode()
