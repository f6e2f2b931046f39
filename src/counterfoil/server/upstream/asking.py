"""Sending somebody to a provider, and redeeming what they bring back, whatever it speaks."""

from collections.abc import Mapping

from counterfoil.net.exchange import Exchange
from counterfoil.server.records.provider import Provider, ProviderKind
from counterfoil.server.upstream import github, openid
from counterfoil.server.upstream.arrival import Answered, Arrival, Asked
from counterfoil.server.upstream.attempt import Attempt
from counterfoil.server.upstream.issuer import Issuer


def wishes(provider: Provider, attempt: Attempt, longest: int) -> Mapping[str, str]:
    """Say how somebody is to sign in there; ``longest``: seconds for which a sign-in is good here.

    A provider that dates sign-ins is asked for a date by ``max_age`` (OpenID Connect Core §2). One
    that does not can at best show which account is used.
    """
    dates = provider.policy.dates_sign_ins
    if attempt.silent:
        return {"prompt": "none"} | ({"max_age": str(longest)} if dates else {})
    if attempt.since is not None or attempt.linking:
        return {"prompt": "login", "max_age": "0"} if dates else {"prompt": "select_account"}
    return {"max_age": str(longest)} if dates else {}


def address(issuer: Issuer, asked: Asked, state: str, further: Mapping[str, str]) -> Exchange[str]:
    """Say where to send the browser.

    Raises:
        HttpFailure: the provider cannot be reached, and is not known yet.
    """
    if asked.provider.kind is ProviderKind.GITHUB:
        return github.authorization_url(asked, state, further)
    metadata = yield from issuer.metadata()
    return openid.authorization_url(metadata, asked, state, further)


def arrive(issuer: Issuer, asked: Asked, answered: Answered, now: float) -> Exchange[Arrival]:
    """Redeem what somebody brought back. Raises as ``openid.arrive`` and ``github.arrive``."""
    if asked.provider.kind is ProviderKind.GITHUB:
        return (yield from github.arrive(asked, answered, now))
    return (yield from openid.arrive(issuer, asked, answered, now))
