"""The guard: checks access tokens locally, in microseconds, and refuses what was ended."""

from counterfoil.guard.guard import Guard
from counterfoil.guard.policy import Carrier, Credentials, Issuer, Options, Proofs, Staleness
from counterfoil.guard.token import Rejected, Token, Undecided

__all__ = [
    "Carrier",
    "Credentials",
    "Guard",
    "Issuer",
    "Options",
    "Proofs",
    "Rejected",
    "Staleness",
    "Token",
    "Undecided",
]
