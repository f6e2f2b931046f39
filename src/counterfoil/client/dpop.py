"""DPoP at the client: a key, and a proof of it for every request (RFC 9449 §4.2, §8, §9)."""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Final, Self
from urllib.parse import urlsplit

from counterfoil.client.outside import Outside
from counterfoil.jose import algorithms
from counterfoil.jose.keys import PrivateKey, PublicKey
from counterfoil.jose.proof import ProofSigner
from counterfoil.net.exchange import Answer
from counterfoil.oauth.dpop import Claims, ath_of

_JTI_BYTES: Final = 16
_WANTED: Final = "use_dpop_nonce"


class DpopKey:
    """The key to which a client has its tokens bound. Nobody can use them without it.

    ``in_memory`` makes one that is written nowhere: when the app ends, its refresh tokens are
    worth nothing. A key that outlives the app, or never leaves its device, is given to ``of`` or
    ``on_device``.
    """

    def __init__(self, signer: ProofSigner) -> None:
        self._signer = signer

    @classmethod
    def in_memory(cls, algorithm: str = algorithms.DEFAULT) -> Self:
        """Make a new key, which lives as long as this object."""
        return cls.of(PrivateKey.generate(algorithm))

    @classmethod
    def of(cls, key: PrivateKey) -> Self:
        """Take a key at hand, such as ``PrivateKey.from_pem(...)``."""
        return cls(ProofSigner.of(key))

    @classmethod
    def on_device(
        cls,
        public_jwk: Mapping[str, object],
        sign: Callable[[bytes], bytes],
        algorithm: str = algorithms.DEFAULT,
    ) -> Self:
        """Take a key that never leaves its device: only its public half is known here.

        ``sign`` asks the device, and gives the JOSE signature of a message (ES256: r and s, 32
        bytes each).

        Raises:
            JoseError: the JWK is not the public key of a supported algorithm.
        """
        return cls(ProofSigner(PublicKey.from_jwk(public_jwk, algorithm), sign))

    @property
    def thumbprint(self) -> str:
        """By what servers know the key (RFC 7638)."""
        return self._signer.thumbprint

    def prove(self, claims: Claims) -> str:
        """Sign one proof."""
        return self._signer.sign(claims)

    def __repr__(self) -> str:
        return f"DpopKey({self.thumbprint!r})"


class Prover:
    """Proves one key, request by request; knows the last nonce of each server it has heard.

    Threads may share it: at worst one of them asks twice.
    """

    def __init__(self, key: DpopKey, outside: Outside) -> None:
        self.key = key
        self._outside = outside
        self._nonces: dict[str, str] = {}

    def proof(self, method: str, url: str, access_token: str | None = None) -> str:
        """Make the proof for one request, and for the access token that goes with it (§4.2)."""
        jti = urlsafe_b64encode(self._outside.random(_JTI_BYTES)).rstrip(b"=").decode("ascii")
        claims = Claims(
            jti=jti,
            htm=method,
            htu=url.partition("#")[0].partition("?")[0],
            iat=int(self._outside.clock()),
            ath=None if access_token is None else ath_of(access_token),
            nonce=self._nonces.get(_origin_of(url)),
        )
        return self.key.prove(claims)

    def note_nonce(self, url: str, nonce: str) -> None:
        """Keep the nonce that a server gave, for the next requests to it (§8.2)."""
        if nonce:
            self._nonces[_origin_of(url)] = nonce

    def heed(self, answer: Answer) -> bool:
        """Keep the nonce of an answer; whether the request was refused for want of it (§8, §9)."""
        self.note_nonce(answer.url, answer.dpop_nonce)
        if not answer.dpop_nonce or answer.status not in (400, 401):
            return False
        return f'error="{_WANTED}"' in answer.www_authenticate or _WANTED.encode() in answer.body


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
