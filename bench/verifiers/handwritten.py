"""The least that a careful person would write (`bench.handwritten`): the floor of them all."""

import json
from urllib.request import urlopen

from cryptography.exceptions import InvalidSignature

from bench.handwritten import HandWritten
from bench.verifiers.answering import read_paper, sit

paper = read_paper()
with urlopen(paper["jwks_uri"]) as answer:
    key = json.load(answer)["keys"][0]
verifier = HandWritten(key, paper["issuer"], paper["audience"])


def accepts(token: str) -> bool:
    try:
        verifier.verify(token)
    except (ValueError, InvalidSignature):
        return False
    return True


sit(paper, accepts)
