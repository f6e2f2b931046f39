"""The tokens that a client brings to be exchanged: which count, and until when (RFC 8693 §2.1)."""

from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.access_token import TYPE, AccessToken
from counterfoil.oauth.allowances import USES
from counterfoil.oauth.binding import KEY
from counterfoil.oauth.delegation import ACCESS_TOKEN, JWT, Parent, parent_of
from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.oauth.limits import Limit, Limits, name_each_once
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.oauth.reasons import Reason, meaning_of
from counterfoil.oauth.use_limit import TYPE as LIMITED
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.issuance import TokenRequest
from counterfoil.server.protocol.token_reading import ReadToken
from counterfoil.server.records.store import Transaction

TOKEN_TYPES: Final = (ACCESS_TOKEN, JWT)
"""What may be shown. Either is an access token of ours, and nothing else is."""
_CARRIED: Final = frozenset(
    {"iss", "sub", "aud", "exp", "iat", "client_id", "jti", "scope", "fam", "gen", "auth_time"}
    | {"acr", "cnf", "nbf", "status", "act", "may_act", "parents"}
    | {"email", "email_verified", "name", "max_uses", "authorization_details"}
)
"""Claims that an exchange carries over, draws anew, or may drop."""
_NO_TOKEN: Final = "is no access token of this server that can be exchanged"


class Shown(Struct, frozen=True):
    """A genuine token in a parameter. Nothing is said yet of whether it stands."""

    name: str
    read: ReadToken

    @property
    def token(self) -> AccessToken:
        """Its claims."""
        return self.read.token

    @property
    def parents(self) -> tuple[Parent, ...]:
        """What ends a token that comes of it: itself, and what it came of."""
        return (*self.token.parents, parent_of(self.read.marks))

    @property
    def limits(self) -> tuple[Limit, ...] | None:
        """What the token may do; ``None`` where nobody has limited it."""
        details = self.token.authorization_details
        return None if details is None else msgspec.convert(details, Limits)

    @property
    def is_limited(self) -> bool:
        """Whether it works so many times, or does so much."""
        return self.token.max_uses is not None or self.token.authorization_details is not None

    @property
    def counted(self) -> frozenset[str]:
        """What is counted of the token at its issuer, by name."""
        names = {name for limit in self.limits or () for name, _ in limit.allowances}
        return frozenset(names if self.token.max_uses is None else {*names, USES})


async def shown_in(
    authority: Authority, tx: Transaction, request: TokenRequest, name: str
) -> Shown:
    """Read the token in the parameter ``name``, and its type beside it.

    Raises:
        OAuthError: ``invalid_request`` where it is none that can be exchanged: of another kind or
            issuer, or good for less than its API.
    """
    if request.parameters.require(f"{name}_type") not in TOKEN_TYPES:
        raise invalid_request(f"The {name}_type is one of {' and '.join(TOKEN_TYPES)}.")
    unverified = request.parameters.require(name)
    found = await authority.reader.find(unverified, tx)
    if isinstance(found, Reason):
        raise OAuthError("invalid_request", f"The {name} {_NO_TOKEN}.", detail=found.value)
    token = found.token
    is_of_an_api = isinstance(token.aud, str) and token.aud != authority.issuer
    # The notice that ends one made by hand stands for less long than what comes of it may live.
    is_whole = found.personal is None and await _is_whole(authority, tx, unverified, token)
    if token.iss != authority.issuer or not is_of_an_api or not is_whole:
        sentence = f"The {name} {_NO_TOKEN}: only one that is good for all of an API is."
        raise OAuthError("invalid_request", sentence, reason=Reason.WRONG_TYPE)
    return Shown(name, found)


async def _is_whole(
    authority: Authority, tx: Transaction, genuine: str, token: AccessToken
) -> bool:
    """Whether all that a token says is known here: what narrows it must not be lost on the way."""
    said = msgspec.to_builtins(token)
    if not is_spelled(Kind.ACCESS_TOKEN, genuine):
        said = unverified_claims(await authority.reader.signed_in(genuine, tx))
    is_known = token.type in (TYPE, LIMITED) and said.keys() <= _CARRIED
    return is_known and _are_limits(token.authorization_details)


def _are_limits(details: object) -> bool:
    try:
        return details is None or name_each_once(msgspec.convert(details, Limits))
    except msgspec.ValidationError:
        return False


def demand_standing(
    authority: Authority, tx: Transaction, request: TokenRequest, shown: Shown
) -> int:
    """Demand that a token stands and that its key was proved; gives when it expires (seconds).

    Only whoever may exchange it is to be told. A public client is known by that key alone.

    Raises:
        OAuthError: ``invalid_request``, with the reason.
    """
    binding = shown.token.binding
    if not binding.is_met_by(request.proved):
        raise _refused(shown.name, Reason.WRONG_BINDING)
    if request.client.public and binding.method != KEY:
        raise _refused(shown.name, Reason.UNBOUND)
    judged = authority.reader.judge(shown.read, tx.now)
    if isinstance(judged, Reason):
        raise _refused(shown.name, judged)
    return authority.hub.revocations.expiry_of(shown.read.marks, shown.token.exp)


def _refused(name: str, reason: Reason) -> OAuthError:
    sentence = f"The {name} is refused: {meaning_of(reason).sentence}"
    return OAuthError("invalid_request", sentence, reason=reason)
