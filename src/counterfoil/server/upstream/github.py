"""Sign-in at GitHub: OAuth 2.0 alone, so its API says who somebody is (RFC 6749 §4.1).

Only a primary address that GitHub has verified counts as one.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.client.errors import NotTrusted
from counterfoil.net.exchange import Answer, Exchange, Message, Request
from counterfoil.net.http import BadAnswer
from counterfoil.oauth import pkce
from counterfoil.oauth.parameters import appended
from counterfoil.server.upstream.arrival import Answered, Arrival, Asked
from counterfoil.server.upstream.openid import text_in, tokens_for

PUBLIC: Final = "https://github.com"
_PUBLIC_API: Final = "https://api.github.com"
_TYPE: Final = "application/vnd.github+json"


class _User(Struct, frozen=True):
    id: int
    login: str
    name: str | None = None


class _Email(Struct, frozen=True):
    email: str
    primary: bool
    verified: bool


def authorization_url(asked: Asked, state: str, further: Mapping[str, str]) -> str:
    """Write the authorization request; ``further`` never replaces ours."""
    parameters = {
        **further,
        "client_id": asked.provider.client_id,
        "redirect_uri": asked.redirect_uri,
        "scope": asked.provider.policy.scope,
        "state": state,
        "code_challenge": pkce.challenge_of(asked.code_verifier),
        "code_challenge_method": pkce.METHOD,
    }
    return appended(f"{asked.provider.issuer}/login/oauth/authorize", parameters)


def arrive(asked: Asked, answered: Answered, now: float) -> Exchange[Arrival]:
    """Exchange the code, and ask who it is.

    Raises:
        NotTrusted: the answer is another's.
        HttpFailure: GitHub cannot be reached, or answers something else.
    """
    issuer = asked.provider.issuer
    if answered.unverified_iss not in {None, issuer, f"{issuer}/login/oauth"}:
        raise NotTrusted("the answer is from another issuer")
    form = {
        "grant_type": "authorization_code",
        "code": answered.unverified_code,
        "redirect_uri": asked.redirect_uri,
        "code_verifier": asked.code_verifier,
    }
    tokens = yield from tokens_for(token_url(issuer), asked, form, now)
    user = _user_in((yield _question(issuer, "/user", tokens.access_token)))
    emails = _emails_in((yield _question(issuer, "/user/emails", tokens.access_token)))
    primary = next((each.email for each in emails if each.primary and each.verified), "")
    said: dict[str, object] = {"name": user.name, "login": user.login, "email": primary}
    email = text_in(said, "email") or None
    return Arrival(
        issuer=issuer,
        subject=str(user.id),
        email=email,
        email_verified=email is not None,
        name=text_in(said, "name") or text_in(said, "login"),
        tokens=tokens,
    )


def token_url(issuer: str) -> str:
    """Say where tokens are got."""
    return f"{issuer}/login/oauth/access_token"


def _question(issuer: str, path: str, access_token: str) -> Request:
    api = _PUBLIC_API if issuer == PUBLIC else f"{issuer}/api/v3"
    message = Message("GET", headers={"Accept": _TYPE})
    return Request(f"{api}{path}", authorization=f"Bearer {access_token}", message=message)


def _user_in(answer: Answer) -> _User:
    if answer.status != 200:
        raise BadAnswer(f"{answer.url} answered {answer.status}, not 200", answer.status)
    try:
        return msgspec.json.decode(answer.body, type=_User)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadAnswer(f"{answer.url}: {error}") from None


def _emails_in(answer: Answer) -> tuple[_Email, ...]:
    """Read them; none where they were not to be told, for want of the scope."""
    if answer.status != 200:
        return ()
    try:
        return msgspec.json.decode(answer.body, type=tuple[_Email, ...])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadAnswer(f"{answer.url}: {error}") from None
