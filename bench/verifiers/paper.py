"""What every verifier is examined on: a file of tokens, each kind with its right answer."""

import secrets
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench.seeding import AUDIENCE, Registered, Seeded, access_tokens

GIANT_BYTES: Final = 1_000_000
"""More than any header may have; a verifier that is given so much must not take long over it."""


class Paper(Struct, frozen=True):
    """Where the issuer is, and its tokens. ``introspection`` is for who asks it for each.

    ``warm`` and those of ``cold`` are good. The signatures of ``forged`` are those of other tokens;
    ``strange`` name keys that nobody has; ``giant`` is much too long; ``revoked`` was taken back.
    """

    issuer: str
    jwks_uri: str
    audience: str
    introspection: Registered
    warm: str
    cold: list[str]
    forged: list[str]
    strange: list[str]
    giant: str
    revoked: str


def set_paper(seeded: Seeded, port: int, number: int) -> Paper:
    """Draw so many tokens of each kind."""
    issuer = f"http://127.0.0.1:{port}"
    warm, revoked, *cold = access_tokens(seeded, port, number + 2)
    signatures = [token.rpartition(".")[2] for token in cold]
    forged = [
        f"{token.rpartition('.')[0]}.{signature}"
        for token, signature in zip(cold, signatures[1:] + signatures[:1], strict=True)
    ]
    return Paper(
        issuer,
        f"{issuer}/jwks.json",
        AUDIENCE,
        seeded.service,
        warm,
        cold,
        forged,
        [_of_a_strange_key(token) for token in cold],
        f"{'A' * GIANT_BYTES}.{cold[0].partition('.')[2]}",
        revoked,
    )


def _of_a_strange_key(token: str) -> str:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": secrets.token_urlsafe(16)}
    encoded = urlsafe_b64encode(msgspec.json.encode(header)).rstrip(b"=").decode()
    return f"{encoded}.{token.partition('.')[2]}"


def write(paper: Paper, folder: Path) -> Path:
    """Write it where every verifier can read it."""
    path = folder / "paper.json"
    path.write_bytes(msgspec.json.encode(paper))
    return path
