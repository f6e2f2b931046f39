"""Authlib's ResourceProtector with its validator of RFC 9068."""

import json
from urllib.request import urlopen

from authlib.common.errors import AuthlibBaseError
from authlib.oauth2 import ResourceProtector
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bench.verifiers.answering import read_paper, sit

paper = read_paper()
with urlopen(paper["jwks_uri"]) as answer:
    keys = KeySet.import_key_set(json.load(answer))


class Validator(JWTBearerTokenValidator):
    def get_jwks(self):
        return keys


class Request:
    """As much of a request as the protector reads."""

    def __init__(self, token: str) -> None:
        self.headers = {"Authorization": f"Bearer {token}"}


protector = ResourceProtector()
protector.register_token_validator(Validator(paper["issuer"], paper["audience"]))


def accepts(token: str) -> bool:
    try:
        protector.validate_request(["notes:read"], Request(token))
    except (AuthlibBaseError, JoseError, ValueError):
        return False
    return True


sit(paper, accepts)
