"""The userinfo endpoint: claims about the person behind a token (OpenID Connect Core §5.3)."""

from functools import partial

from msgspec import Struct

from counterfoil.oauth.binding import UNBOUND
from counterfoil.oauth.dpop import NotProved, Proof, Target, read_proof
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import proof_of_possession
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.person import PersonalClaims, personal_claims
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


class Shown(Struct, frozen=True):
    """A token as it was shown, and the proofs that came with it. None of it is verified.

    ``proofs`` is ``None`` for the scheme Bearer, else every value of the ``DPoP`` header.
    """

    token: str
    method: str = "GET"
    proofs: tuple[str, ...] | None = None


async def userinfo(authority: Authority, shown: Shown, now: float) -> PersonalClaims | Reason:
    """Give the claims that the token's scopes open, or say why it is refused.

    Any access token of ours with the scope ``openid`` opens it, whichever API it is for. A bound
    one comes with the proof of its key, made for this request and this token (RFC 9449 §7).
    """
    try:
        proof = _proof_in(authority, shown)
        read = await authority.reader.read(shown.token, now)
        if isinstance(read, Reason):
            return read
        token = read.token
        if token.url_bound is not None:
            return Reason.WRONG_TARGET
        if token.max_uses is not None:
            return Reason.WRONG_TYPE
        if token.binding != (UNBOUND if proof is None else proof.binding):
            return Reason.WRONG_BINDING
        if "openid" not in token.scopes:
            return Reason.INSUFFICIENT_SCOPE
        run = authority.store.read if proof is None else authority.store.transact
        user = await run(partial(_find, authority, token.sub, proof))
    except NotProved as error:
        return error.reason
    if user is None or not user.is_enabled:
        return Reason.REVOKED
    return personal_claims(user, token.scopes)


def _proof_in(authority: Authority, shown: Shown) -> Proof | None:
    if shown.proofs is None:
        return None
    target = Target(shown.method, f"{authority.issuer}/userinfo", shown.token)
    return read_proof(shown.proofs, target)


async def _find(
    authority: Authority, user_id: str, proof: Proof | None, tx: Transaction
) -> User | None:
    if proof is not None:
        await proof_of_possession.take(authority, tx, proof)
    return await tx.users.find(user_id)
