"""PyJWT with its PyJWKClient, as its documentation shows it."""

import jwt

from bench.verifiers.answering import read_paper, sit

paper = read_paper()
client = jwt.PyJWKClient(paper["jwks_uri"], cache_keys=True)


def accepts(token: str) -> bool:
    try:
        key = client.get_signing_key_from_jwt(token)
        jwt.decode(
            token,
            key,
            algorithms=["ES256"],
            issuer=paper["issuer"],
            audience=paper["audience"],
            options={"require": ["exp", "iat", "jti"]},
        )
    except jwt.PyJWTError:
        return False
    return True


sit(paper, accepts)
