"""Access tokens that work so many times: a claim of our own, ``max_uses`` (S54).

Who counts is the issuer, for all guards together. A token with the claim has a type of its own, so
that whoever does not know it, and so would not count, does not take the token (RFC 8725 §3.11).
"""

from typing import Annotated, Final

from msgspec import Meta

TYPE: Final = "limited-at+jwt"
MOST_USES: Final = 1_000_000
MaxUses = Annotated[int, Meta(ge=1, le=MOST_USES)]
