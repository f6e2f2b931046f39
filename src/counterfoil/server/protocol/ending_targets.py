"""What can be ended, and how it is named: a kind and a name, or a token that somebody pasted."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.oauth.opaque import Kind, fingerprint, is_spelled
from counterfoil.oauth.reasons import Reason, meaning_of
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import is_fingerprint
from counterfoil.server.protocol.refresh_tokens import read_refresh_token
from counterfoil.server.protocol.token_kinds import other_secret
from counterfoil.server.records.store import Transaction

_NOUNS: Final = MappingProxyType(
    {
        "api": "API",
        "token": "access token",
        "mint_right": "right to mint",
        "remembered": "remembered browser",
    }
)


class Ends(StrEnum):
    """What an ending is of. The words are stable."""

    TOKEN = "token"
    """One access token, by its ``jti``."""
    FAMILY = "family"
    """What hangs under one authorization."""
    SESSION = "session"
    """One signed-in browser, with what goes on in it."""
    REMEMBERED = "remembered"
    """What a browser is remembered by, with the session that it got by that (S24)."""
    APP_SESSIONS = "app_sessions"
    """Every session of one app of one person; the permission, a grant's id, stays (S44)."""
    GRANT = "grant"
    """A permission, with every token that rests on it (S46)."""
    USER = "user"
    """Every session and token of a person (S47)."""
    CLIENT = "client"
    """Every token of a client, whoever stands behind it."""
    API = "api"
    """Every token for an API, whoever holds it."""
    PERSONAL_TOKEN = "personal_token"
    """One token that a person has made by hand, by its ``jti`` (S11)."""
    MINT_RIGHT = "mint_right"
    """A right to mint for people, with every token that was made by it (S58)."""
    KEY = "key"
    """Everything that a signing key has signed (S84)."""


class Target(Struct, frozen=True):
    """What is to be ended, by its id: ``jti``, ``client_id``, an API's URI, ``kid``…

    ``expires_at`` is of an access token, where its holder has shown it (seconds since the epoch).
    """

    kind: Ends
    name: str
    expires_at: int | None = None


def unknown(target: Target) -> OAuthError:
    """Give the error that says that there is no such thing (any more)."""
    noun = "grant" if target.kind is Ends.APP_SESSIONS else target.kind.value
    noun = _NOUNS.get(noun, noun).replace("_", " ")
    return invalid_request(f"There is no {noun} {target.name[:100]}.")


def demand_fingerprint(target: Target) -> None:
    """Demand that a name can be that of an access token: a ``jti`` is kept nowhere.

    Raises:
        OAuthError: ``invalid_request``.
    """
    if not is_fingerprint(target.name):
        raise invalid_request("The fingerprint of an access token is its jti: 22 or 39 characters.")


async def target_of_token(authority: Authority, tx: Transaction, unverified: str) -> Target:
    """Read what somebody pasted: an access token of ours, or a refresh token for its family.

    Whoever serves catches up with the hub before: another process may have made the key. Nothing
    of the token is kept, and no error repeats it.

    Raises:
        OAuthError: ``invalid_request``, saying why this cannot be ended.
    """
    if is_spelled(Kind.REFRESH_TOKEN, unverified):
        shown = read_refresh_token(authority.keys.refresh_mac, unverified)
        if shown is None:
            raise invalid_request("This is no refresh token of ours.")
        return Target(Ends.FAMILY, shown.family_id)
    if is_spelled(Kind.PERSONAL_TOKEN, unverified):
        token = await tx.personal_tokens.find(fingerprint(unverified))
        if token is None:
            raise invalid_request("This is no personal token of ours, or was forgotten.")
        return Target(Ends.PERSONAL_TOKEN, token.id)
    other = other_secret(unverified)
    if other is not None:
        raise invalid_request(f"This is {other}, not a token.")
    read = await authority.reader.find_to_end(unverified, tx)
    if isinstance(read, Reason):
        sentence = meaning_of(read).sentence
        raise invalid_request(f"This is no access token of ours: {sentence} ({read})")
    return Target(Ends.TOKEN, read.token.jti, read.token.exp)


async def owner_of(tx: Transaction, target: Target) -> str | None:
    """Give the id of the person whose this is; ``None`` where it is nobody's, or unknown.

    Pages for people ask it first, so that nobody ends by guessing what is another's.
    """
    match target.kind:
        case Ends.FAMILY:
            family = await tx.families.find(target.name)
            return family.user_id if family else None
        case Ends.SESSION:
            session = await tx.sessions.find(target.name)
            return session.user_id if session else None
        case Ends.REMEMBERED:
            remembered = await tx.remembered_browsers.find(target.name)
            return remembered.user_id if remembered else None
        case Ends.GRANT | Ends.APP_SESSIONS:
            grant = await tx.grants.find(target.name)
            return grant.user_id if grant else None
        case Ends.PERSONAL_TOKEN:
            token = await tx.personal_tokens.find_by_id(target.name)
            return token.user_id if token else None
        case Ends.USER:
            return target.name
    return None
