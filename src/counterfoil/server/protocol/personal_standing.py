"""Whether a personal token stands, and what it opens today: never more than when it was made."""

from counterfoil.oauth.access_token import AccessToken
from counterfoil.oauth.personal_token import CLIENT_ID
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol.own_api import is_own
from counterfoil.server.records.api import Api
from counterfoil.server.records.personal_token import PersonalToken
from counterfoil.server.records.store import Transaction


def takes_personal_tokens(api: Api) -> bool:
    """Whether people may make tokens for an API: its policy says so, and it is not our own.

    The server is administered by people who have signed in, and by clients of theirs.
    """
    return api.policy.personal_tokens and not is_own(api)


async def personal_claims_of(
    tx: Transaction, issuer: str, token: PersonalToken
) -> AccessToken | Reason:
    """Give what a token says now, or say why it does not stand. Its times are left to others.

    The generation is the API's of today: earlier ones have ended the row. So a guard that has
    heard of a later one refuses this answer.
    """
    user, api = await tx.users.find(token.user_id), await tx.apis.find(token.audience)
    if token.ended_at is not None or user is None or not user.is_enabled:
        return Reason.REVOKED
    if api is None or not takes_personal_tokens(api):
        return Reason.REVOKED
    return AccessToken(
        iss=issuer,
        sub=token.user_id,
        aud=token.audience,
        exp=token.expires_at,
        iat=token.created_at,
        client_id=CLIENT_ID,
        jti=token.id,
        scope=" ".join(sorted(set(token.scopes) & api.scopes.keys())),
        gen=(0, api.generation),
        auth_time=token.auth_time,
        authorization_details=api.policy.limits or None,
    )
