"""The guard that stands in every app of this folder."""

import os

from counterfoil.guard import Credentials, Guard, Issuer, Options, Proofs
from counterfoil.guard.resource_metadata import ResourceMetadata
from counterfoil.guard.web import Web
from tests.guard.issuer import AUDIENCE

REALM = "notes"


def guard_for(issuer: str) -> Guard:
    """Takes bearer tokens, bound tokens with a nonce, and reference tokens."""
    trusted = Issuer(issuer, credentials=Credentials("api", "secret"), reference=True)
    options = Options(proofs=Proofs(nonces=True), web=Web(metadata=ResourceMetadata()))
    return Guard(issuers=[trusted], audience=AUDIENCE, options=options)


def guard_from_environment() -> Guard:
    return guard_for(os.environ["TEST_ISSUER"])
