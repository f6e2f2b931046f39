"""Refreshing and revoking tokens at the provider that gave them (RFC 6749 §6, RFC 7009)."""

from typing import Final

from counterfoil.client.tokens import Tokens
from counterfoil.net.exchange import Exchange
from counterfoil.net.http import BadAnswer, HttpFailure
from counterfoil.oauth.opaque import Secret
from counterfoil.server.records.provider import ProviderKind
from counterfoil.server.upstream import github
from counterfoil.server.upstream.arrival import Asked
from counterfoil.server.upstream.issuer import Issuer
from counterfoil.server.upstream.openid import introduced, tokens_for

_LOST: Final = frozenset({502, 503, 504})
"""A proxy says it of a provider that may have done it all the same."""


def refresh(issuer: Issuer, asked: Asked, refresh_token: Secret, now: float) -> Exchange[Tokens]:
    """Get fresh tokens; where the answer is lost, ask once more.

    Raises:
        BadAnswer: with the status, where it is refused.
        HttpFailure: the answer was lost twice.
    """
    url = yield from _token_url(issuer, asked)
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
    try:
        return (yield from tokens_for(url, asked, form, now))
    except HttpFailure as failure:
        if isinstance(failure, BadAnswer) and failure.status not in _LOST:
            raise
    # A provider that takes a refresh token once may yet give the same answer to the same question.
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
