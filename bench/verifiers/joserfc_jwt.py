"""joserfc: a key set and a registry of claims."""

import json
from urllib.request import urlopen

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bench.verifiers.answering import read_paper, sit

paper = read_paper()
with urlopen(paper["jwks_uri"]) as answer:
    keys = KeySet.import_key_set(json.load(answer))
registry = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": paper["issuer"]},
    aud={"essential": True, "value": paper["audience"]},
    exp={"essential": True},
)


def accepts(token: str) -> bool:
    try:
        registry.validate(jwt.decode(token, keys, algorithms=["ES256"]).claims)
    except (JoseError, ValueError):
        return False
    return True


sit(paper, accepts)
