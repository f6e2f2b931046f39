"""The token in ``Authorization``, and nowhere else (RFC 6750 §2.1, RFC 9449 §7.1). Pure."""

import re
from collections.abc import Sequence
from typing import Final

from counterfoil.guard.token import Rejected
from counterfoil.oauth.reasons import Reason

_CREDENTIALS: Final = re.compile(
    r"(?:[Bb][Ee][Aa][Rr][Ee][Rr]|([Dd][Pp][Oo][Pp])) +([A-Za-z0-9\-._~+/]+=*)"
)


def bearer_token(authorization: Sequence[str]) -> str:
    """Give the token of scheme Bearer, unverified, from all values of the header.

    Raises:
        Rejected: as ``token_in``; ``missing`` also for the scheme DPoP.
    """
    unverified, is_bound = token_in(authorization)
    if is_bound:
        raise Rejected(Reason.MISSING, detail="the Authorization header is not of scheme Bearer")
    return unverified


def token_in(authorization: Sequence[str]) -> tuple[str, bool]:
    """Give the token, unverified, from all values of the header, and whether its scheme is DPoP.

    Raises:
        Rejected: ``missing`` where there is none, or another scheme; ``malformed`` where there
            are several headers, or what follows the scheme cannot be a token.
    """
    if not authorization:
        raise Rejected(Reason.MISSING)
    if len(authorization) > 1:
        raise Rejected(Reason.MALFORMED, detail="the request has several Authorization headers")
    header = authorization[0]
    match = _CREDENTIALS.fullmatch(header)
    if match is not None:
        return match[2], match[1] is not None
    if header.split(" ", 1)[0].lower() not in {"bearer", "dpop"}:
        raise Rejected(Reason.MISSING, detail="the Authorization header is of another scheme")
    raise Rejected(Reason.MALFORMED, detail="the Authorization header is not well formed")
