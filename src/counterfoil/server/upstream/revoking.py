"""Refreshing and revoking tokens at the provider that gave them (RFC 6749 §6, RFC 7009)."""

from counterfoil.client.tokens import Tokens
from counterfoil.net.exchange import Exchange
from counterfoil.net.http import Unreachable
from counterfoil.oauth.opaque import Secret
from counterfoil.server.records.provider import ProviderKind
from counterfoil.server.upstream import github
from counterfoil.server.upstream.arrival import Asked
from counterfoil.server.upstream.issuer import Issuer
from counterfoil.server.upstream.openid import introduced, tokens_for


def refresh(issuer: Issuer, asked: Asked, refresh_token: Secret, now: float) -> Exchange[Tokens]:
    """Get fresh tokens; where the answer is lost, ask once more.

    Raises:
        BadAnswer: with the status, where it is refused.
        Unreachable: the answer was lost twice.
    """
    url = yield from _token_url(issuer, asked)
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
    try:
        return (yield from tokens_for(url, asked, form, now))
    except Unreachable:
        return (yield from tokens_for(url, asked, form, now))


def _token_url(issuer: Issuer, asked: Asked) -> Exchange[str]:
    if asked.provider.kind is ProviderKind.GITHUB:
        return github.token_url(asked.provider.issuer)
    metadata = yield from issuer.metadata()
    return metadata.address("token_endpoint")


def revoke(issuer: Issuer, asked: Asked, token: Secret) -> Exchange[bool]:
    """Revoke a token; ``False`` where the provider has no place for that, or did not do it.

    Raises:
        HttpFailure: it cannot be reached.
    """
    if asked.provider.kind is ProviderKind.GITHUB:
        return False
    metadata = yield from issuer.metadata()
    if not metadata.revocation_endpoint:
        return False
    url = metadata.address("revocation_endpoint")
    answer = yield introduced(url, asked, {"token": token.reveal()})
    return answer.status == 200
