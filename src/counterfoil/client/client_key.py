"""The key by which a client proves who it is, instead of a secret (RFC 7523 §2.2)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from counterfoil.client.outside import Outside
from counterfoil.jose import strict_json
from counterfoil.jose.algorithms import ALGORITHMS
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.client_assertion import AssertionMaker


class ClientKey:
    """A private key of the client, whose public half the server has registered.

    ES256, EdDSA, PS256 or RS256. It never shows itself.
    """

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    @classmethod
    def from_file(
        cls, path: str | Path, algorithm: str | None = None, kid: str | None = None
    ) -> Self:
        """Read a file: a JWK, or an unencrypted PEM key.

        ``kid`` is the name under which a PEM key is registered; default: its thumbprint (RFC 7638).

        ``algorithm`` is what the key signs with. Default: what the JWK says, else the first of
        ES256, EdDSA, PS256 and RS256 that takes such a key.

        Raises:
            OSError: the file cannot be read.
            JoseError: it holds no such key.
        """
        content = Path(path).read_bytes()
        if content.lstrip().startswith(b"{"):
            return cls.from_jwk(strict_json.decode_object(content), algorithm)
        return cls(_fitting(lambda name: PrivateKey.from_pem(content, name, kid), algorithm))

    @classmethod
    def from_jwk(cls, members: Mapping[str, object], algorithm: str | None = None) -> Self:
        """Read a private JWK. Raises as :meth:`from_file`."""
        chosen = algorithm
        if chosen is None and isinstance(members.get("alg"), str):
            chosen = str(members["alg"])
        return cls(_fitting(lambda name: PrivateKey.from_jwk(members, name), chosen))

    @property
    def kid(self) -> str:
        """By what the server knows the key."""
        return self._key.public.kid

    def assertion(self, issuer: str, client_id: str, outside: Outside) -> str:
        """Write an assertion for one request; its audience is the issuer alone.

        Whoever it is sent to by mistake can use it nowhere else (rfc7523bis §3).
        """
        maker = AssertionMaker(self._key, client_id, issuer, outside.random)
        return maker.make(outside.clock())

    def __repr__(self) -> str:
        return f"ClientKey(kid={self.kid!r})"


def _fitting(read: Callable[[str], PrivateKey], algorithm: str | None) -> PrivateKey:
    """Read a key for the algorithm, or for the first that takes it."""
    if algorithm is not None:
        return read(algorithm)
    for name in ALGORITHMS:
        try:
            return read(name)
        except JoseError:
            continue
    raise JoseError("bad_key", f"This is no private key for {', '.join(ALGORITHMS)}.")
