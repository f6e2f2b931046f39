"""The token in the ``Authorization`` header, and nowhere else (RFC 6750 §2.1). Pure."""

import re
from collections.abc import Sequence
from typing import Final

from counterfoil.guard.token import Rejected
from counterfoil.oauth.reasons import Reason

_CREDENTIALS: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*)")


def bearer_token(authorization: Sequence[str]) -> str:
    """Give the token, unverified, from all values of the header.

    Raises:
        Rejected: ``missing`` where there is none, or another scheme; ``malformed`` where there
            are several headers, or what follows ``Bearer`` cannot be a token.
    """
    if not authorization:
        raise Rejected(Reason.MISSING)
    if len(authorization) > 1:
        raise Rejected(Reason.MALFORMED, detail="the request has several Authorization headers")
    header = authorization[0]
    match = _CREDENTIALS.fullmatch(header)
    if match is not None:
        return match[1]
    if header.split(" ", 1)[0].lower() != "bearer":
        raise Rejected(Reason.MISSING, detail="the Authorization header is not of scheme Bearer")
    raise Rejected(Reason.MALFORMED, detail="the Authorization header is not well formed")
