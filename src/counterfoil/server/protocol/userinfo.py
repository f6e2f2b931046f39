"""The userinfo endpoint: claims about the person behind a token (OpenID Connect Core §5.3)."""

from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.person import PersonalClaims, personal_claims
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


async def userinfo(authority: Authority, unverified: str, now: float) -> PersonalClaims | Reason:
    """Give the claims that the token's scopes open, or say why it is refused.

    Any access token of ours with the scope ``openid`` opens it, whichever API it is for.
    """
    read = await authority.reader.read(unverified, now)
    if isinstance(read, Reason):
        return read
    token = read.token
    if not token.binding.is_bearer:
        return Reason.WRONG_BINDING
    if "openid" not in token.scopes:
        return Reason.INSUFFICIENT_SCOPE

    async def work(tx: Transaction) -> User | None:
        return await tx.users.find(token.sub)

    user = await authority.store.read(work)
    if user is None or not user.is_enabled:
        return Reason.REVOKED
    return personal_claims(user, token.scopes)
