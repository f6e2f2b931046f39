"""What a check costs where tokens are encrypted to their API: seen before, and new."""

import statistics
import sys
from typing import Final

import msgspec

from bench.guarding import timed, warm
from bench.http_session import HttpSession
from bench.plan import Plan
from bench.seeding import Registered
from bench.server import Installation
from counterfoil.guard import Encryption, Guard, Options
from counterfoil.jose.encryption_keys import DecryptionKeys

_AUDIENCE: Final = "https://vault.example"
_SCOPE: Final = "vault:open"
_BEFORE: Final = 20
"""Tokens that are checked before the measuring begins."""


def encrypted_costs(installation: Installation, port: int, plan: Plan) -> dict[str, float]:
    """Microseconds of a check of a token that is encrypted by ECDH-ES on X25519."""
    run = installation.run
    run("api", "add", _AUDIENCE, "--name", "Vault", "--scope", f"{_SCOPE}=Open the vault")
    key = run("api", "key", "add", _AUDIENCE)
    run("api", "key", "activate", _AUDIENCE, str(key["kid"]))
    run("api", "update", _AUDIENCE, "--policy", "encryption=true")
    added = run("client", "add", "Keeper", "--scope", _SCOPE)
    keeper = Registered(str(added["client_id"]), str(added["client_secret"]))
    tokens = _tokens(keeper, port, plan.tokens)
    secret = key["secret"]
    keys = DecryptionKeys.from_jwks(secret if isinstance(secret, dict) else {})
    options = Options(encryption=Encryption(keys=keys))
    with Guard(f"http://127.0.0.1:{port}", audience=_AUDIENCE, options=options) as guard:
        if not guard.wait_until_fresh(10):
            sys.exit("!! bench: the guard heard nothing from the server")
        for token in tokens[:_BEFORE]:
            guard.check(token)
        return {
            "guard_encrypted_cold_us": statistics.median(
                timed(guard.check, token) for token in tokens[_BEFORE:]
            ),
            "guard_encrypted_warm_us": statistics.median(
                warm(guard.check, tokens[-1]) for _ in range(plan.repeats)
            ),
        }


def _tokens(keeper: Registered, port: int, number: int) -> list[str]:
    session = HttpSession(port)
    form = [("grant_type", "client_credentials"), ("scope", _SCOPE)]
    answers = [session.post("/token", form, keeper.authorization) for _ in range(number)]
    session.close()
    return [str(msgspec.json.decode(answer.body)["access_token"]) for answer in answers]
