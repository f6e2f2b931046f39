"""The guard, while it follows the feed in the background, as in use."""

import sys

from bench.verifiers.answering import read_paper, sit
from counterfoil.guard import Guard, Rejected

paper = read_paper()
with Guard(paper["issuer"], audience=paper["audience"]) as guard:
    if not guard.wait_until_fresh(10):
        sys.exit("the guard heard nothing from the server")

    def accepts(token: str) -> bool:
        try:
            guard.check(token)
        except Rejected:
            return False
        return True

    sit(paper, accepts)
