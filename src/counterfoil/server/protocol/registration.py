"""Registering and changing clients, APIs and people, each with its event (RFC 7591 §2)."""

import re
from collections.abc import Iterable
from typing import Final
from unicodedata import normalize

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.access import OPENID_SCOPES, Access, scopes_in
from counterfoil.oauth.errors import invalid_request, invalid_scope
from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.server.protocol import events, revocation, shortening
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.exchange_rights import demand_exchange_rights
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.own_api import SCOPES as OWN_SCOPES
from counterfoil.server.protocol.own_api import is_own
from counterfoil.server.protocol.policies import demand_api_policy, demand_client_policy
from counterfoil.server.protocol.profile import tidy_name
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import (
    BY_PEOPLE,
    GRANT_TYPES,
    MOST_SECRETS,
    RESERVED_SCOPES,
    Client,
    ClientSecret,
    demand_backchannel_logout,
    demand_redirect_uri,
)
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.policy import ApiPolicy, ClientPolicy
from counterfoil.server.records.signing_key import LONGEST_LIFETIME
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import ENDED_PASSWORD, User

_LONGEST_NAME: Final = 200
_CHANGEABLE_OF_CLIENT: Final = (
    "client_name",
    "grant_types",
    "scopes",
    "redirect_uris",
    "post_logout_redirect_uris",
    "policy",
    "exchange_rights",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
)
RESERVED: Final = OPENID_SCOPES | RESERVED_SCOPES | OWN_SCOPES.keys()
"""Names of scopes that no other API may have."""
_CHANGEABLE_OF_API: Final = ("name", "scopes", "token_lifetime", "policy")
_SIGNS: Final = frozenset('<>()[]\\,;:"')
"""No letter is sent to an address with one of these."""
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")


async def add_client(
    tx: Transaction, client: Client, by: Actor, *, development: bool
) -> Secret | None:
    """Register a client; one that is to prove itself by a secret gets its first, given this once.

    Raises:
        OAuthError: ``invalid_request`` or ``invalid_scope``, saying what cannot be registered.
        Conflict: the ``client_id`` is taken.
    """
    _demand_consistent(client, development=development)
    if await tx.users.find(client.client_id) is not None:
        # A service's tokens have its client_id for their sub (RFC 9068 §5): nobody's name is free.
        raise Conflict("the client_id is taken")
    await demand_exchange_rights(tx, client)
    await tx.clients.add(replace(client, access=await _access_of(tx, client.scopes)))
    await events.record(tx, EventKind.CLIENT_ADDED, by, client.client_id)
    return await _add_secret(tx, client.client_id, by) if client.has_secret else None


async def update_client(
    tx: Transaction, client: Client, by: Actor, *, development: bool
) -> Client | None:
    """Change what a client was registered with; gives it as it stands then.

    Its kind and state stay. A scope that it had stays at the APIs it was for. A shorter lifetime
    reaches the tokens already out (S26).
    ``None`` where there is no such client.

    Raises:
        OAuthError: ``invalid_request`` or ``invalid_scope``, saying what cannot be registered.
    """
    before = await tx.clients.find(client.client_id)
    if before is None:
        return None
    changed = _changed(before, client, _CHANGEABLE_OF_CLIENT)
    client = replace(before, **{name: getattr(client, name) for name in _CHANGEABLE_OF_CLIENT})
    _demand_consistent(client, development=development)
    if client.exchange_rights != before.exchange_rights:
        await demand_exchange_rights(tx, client)
    added = await _access_of(tx, client.scopes - before.scopes)
    kept = before.access.limited_to_scopes(client.scopes)
    client = replace(client, access=kept.widened_by(added))
    if changed:
        await tx.clients.update(client)
        await shortening.note_client(tx, before, client, by)
        await shortening.note_refreshing(tx, before, client)
        detail = {"changed": " ".join(changed)}
        await events.record(tx, EventKind.CLIENT_CHANGED, by, client.client_id, detail)
    return client


def _changed(before: Struct, after: Struct, names: Iterable[str]) -> list[str]:
    """Name the fields that differ; of a policy those within it."""
    changed = list[str]()
    for name in names:
        was, becomes = getattr(before, name), getattr(after, name)
        if isinstance(was, ClientPolicy | ApiPolicy):
            changed += _changed(was, becomes, was.__struct_fields__)
        elif was != becomes:
            changed.append(name)
    return changed


def _demand_consistent(client: Client, *, development: bool) -> None:
    _demand_name("client_name", client.client_name)
    if _CLIENT_ID.fullmatch(client.client_id) is None:
        raise invalid_request("client_id must be 1 to 128 letters, digits, or any of . _ ~ -")
    unknown = set(client.grant_types) - set(GRANT_TYPES)
    if unknown or not client.grant_types:
        raise invalid_request(f"grant_types must be some of {', '.join(GRANT_TYPES)}.")
    with_code = "authorization_code" in client.grant_types
    if with_code != bool(client.redirect_uris):
        raise invalid_request("redirect_uris go with the grant type authorization_code.")
    if client.public and "client_credentials" in client.grant_types:
        raise invalid_request("A public client has no secret, so no client_credentials.")
    if client.public and client.jwks:
        raise invalid_request("A public client has no keys: anybody could read them in it.")
    if "refresh_token" in client.grant_types and not BY_PEOPLE & set(client.grant_types):
        raise invalid_request(
            "The grant type refresh_token goes with authorization_code or with device_code."
        )
    for uri in (*client.redirect_uris, *client.post_logout_redirect_uris):
        demand_redirect_uri(uri, development=development)
    demand_backchannel_logout(client, development=development)
    demand_client_policy(client)


async def _access_of(tx: Transaction, scopes: frozenset[str]) -> Access:
    """Find the APIs that own these scopes today: those, and no later ones, are meant."""
    scopes_in(" ".join(scopes))
    owned = {api.uri: scopes & frozenset(api.scopes) for api in await tx.apis.every()}
    unknown = scopes.difference(OPENID_SCOPES, RESERVED_SCOPES, *owned.values())
    if unknown:
        raise invalid_scope(f"No API has the scope {min(unknown)}; add the API first.")
    return Access({uri: own for uri, own in owned.items() if own}, scopes & OPENID_SCOPES)


async def rotate_secret(tx: Transaction, client_id: str, overlap: int, by: Actor) -> Secret | None:
    """Give a client a new secret; older ones expire ``overlap`` seconds from now.

    Never more than two live at once: with an overlap the newest of the older ones stays, and
    all before it end now. Without an overlap a leak is feared: every token of the client ends too
    (S38). ``None`` where there is no client that has a secret.
    """
    client = await tx.clients.find(client_id)
    if client is None or not client.has_secret:
        return None
    live = [s for s in await tx.clients.secrets_of(client_id) if s.is_live(tx.now)]
    keeps = live[-(MOST_SECRETS - 1) :]
    for secret in live:
        until = tx.now + overlap if secret in keeps else tx.now
        await tx.clients.expire_secret(secret.id, until)
        await events.record(tx, EventKind.CLIENT_SECRET_RETIRED, by, client_id, {"id": secret.id})
    cause = Cause.SECRET_ROTATED if overlap else Cause.SECRET_REPLACED
    await revocation.follow(tx, cause, client_id, by)
    return await _add_secret(tx, client_id, by)


async def _add_secret(tx: Transaction, client_id: str, by: Actor) -> Secret:
    secret = spell(Kind.CLIENT_SECRET, tx.random(SECRET_BYTES))
    kept = ClientSecret(new_handle(tx), client_id, secret.fingerprint(), tx.now)
    await tx.clients.add_secret(kept)
    await events.record(tx, EventKind.CLIENT_SECRET_ADDED, by, client_id, {"id": kept.id})
    return secret


async def add_api(tx: Transaction, api: Api, by: Actor) -> None:
    """Register an API and raise the high-water mark of lifetimes to its own.

    Raises:
        OAuthError: ``invalid_target`` or ``invalid_scope``, saying what cannot be registered.
        Conflict: the identifier is taken.
    """
    _demand_api(api, RESERVED)
    await tx.apis.add(api)
    await _raise_longest(tx, api)
    await events.record(tx, EventKind.API_ADDED, by, api.uri)


async def update_api(tx: Transaction, api: Api, by: Actor) -> Api | None:
    """Change an API's name, scopes, lifetime of tokens and policy; gives it as it stands then.

    A shorter lifetime reaches the tokens already out (S26); they end where from now on every token
    is looked up. ``None`` where there is no such API.

    Raises:
        OAuthError: ``invalid_request`` or ``invalid_scope``, saying what cannot be registered.
    """
    before = await tx.apis.find(api.uri)
    if before is None:
        return None
    changed = _changed(before, api, _CHANGEABLE_OF_API)
    api = replace(before, **{name: getattr(api, name) for name in _CHANGEABLE_OF_API})
    if is_own(before):
        _demand_as_it_was(before, api)
        _demand_api(api, RESERVED - api.scopes.keys())
    else:
        _demand_api(api, RESERVED)
    if changed:
        await tx.apis.update(api)
        await _raise_longest(tx, api)
        await shortening.note_api(tx, before, api, by)
        if api.policy.is_looked_up and not before.policy.is_looked_up:
            # None of those already out is written down: they end at every guard, not only here.
            await revocation.end_tokens_of_api(tx, api.uri, by)
        detail = {"changed": " ".join(changed)}
        await events.record(tx, EventKind.API_CHANGED, by, api.uri, detail)
    return await tx.apis.find(api.uri)


def _demand_as_it_was(before: Api, api: Api) -> None:
    if api.scopes != before.scopes or api.policy != before.policy:
        raise invalid_request("The server's own API keeps its scopes and its policy.")


def _demand_api(api: Api, reserved: frozenset[str]) -> None:
    _demand_name("name", api.name)
    is_clean = api.uri.isascii() and api.uri.isprintable() and not set(api.uri) & {"#", " "}
    if not is_clean or ":" not in api.uri:
        raise invalid_request("An API's identifier is an absolute URI without a fragment.")
    for scope, description in api.scopes.items():
        if description:
            _demand_name(f"The description of {scope}", description)
    scopes_in(" ".join(api.scopes))
    taken = reserved & api.scopes.keys()
    if taken:
        raise invalid_scope(f"The scope {min(taken)} is the server's own: choose another name.")
    if not api.scopes or any(" " in scope for scope in api.scopes):
        raise invalid_scope("An API needs scopes of its own, without spaces.")
    demand_api_policy(api)


async def _raise_longest(tx: Transaction, api: Api) -> None:
    """Notices and keys must outlive every token that may be issued from now on."""
    if api.token_lifetime is not None:
        await tx.sealed.raise_to(LONGEST_LIFETIME, api.token_lifetime)


class NewUser(Struct, frozen=True):
    """A person to add. The password has been hashed already, outside the transaction.

    ``id`` is the one that was chosen before, if one was.
    """

    email: str
    password_hash: str | None = None
    name: str | None = None
    is_admin: bool = False
    email_verified: bool = False
    language: str = ""
    id: str = ""


def demand_email(text: str) -> str:
    """Give an address as it is kept; what is not one, or is written like another one, is refused.

    Raises:
        OAuthError: ``invalid_request``.
    """
    email = text.strip()
    local, at, domain = email.rpartition("@")
    # Letters that only look different would be an account beside another's, with mail to both.
    is_plain = normalize("NFKC", email) == email
    is_whole = bool(local and at and domain) and len(email) <= _LONGEST_NAME
    if not (is_whole and is_plain and _is_one_word(email)) or _SIGNS & set(email):
        raise invalid_request("This is not an e-mail address.")
    return email


async def add_user(tx: Transaction, new: NewUser, by: Actor) -> User:
    """Add a person.

    Raises:
        OAuthError: ``invalid_request`` where the e-mail cannot be one, or the name not be shown.
        Conflict: the e-mail is taken.
    """
    user = User(
        id=new.id or new_handle(tx),
        email=demand_email(new.email),
        created_at=tx.now,
        password_hash=new.password_hash,
        name=tidy_name(new.name or ""),
        is_admin=new.is_admin,
        email_verified_at=tx.now if new.email_verified else None,
        language=new.language,
    )
    await tx.users.add(user)
    await events.record(tx, EventKind.USER_ADDED, by, user.id)
    return user


async def end_password(tx: Transaction, user_id: str, by: Actor) -> Ending:
    """Let nobody in by a person's password any more, and end everything of theirs (S38).

    The account keeps a hash that no password has: it stays one that is in use.
    """
    user = await tx.users.find(user_id)
    if user is None or not user.has_password:
        return await revocation.nothing_ended(tx)
    await tx.users.set_password(user_id, f"{ENDED_PASSWORD}{new_handle(tx)}")
    await events.record(tx, EventKind.PASSWORD_ENDED, by, user_id)
    return await revocation.follow(tx, Cause.PASSWORD_ENDED, user_id, by)


async def enable_user(tx: Transaction, user_id: str, by: Actor) -> Ending:
    """Let a disabled person sign in again; nothing that has ended comes back."""
    if await tx.users.enable(user_id):
        await events.record(tx, EventKind.USER_ENABLED, by, user_id)
    return await revocation.follow(tx, Cause.USER_ENABLED, user_id, by)


async def enable_client(tx: Transaction, client_id: str, by: Actor) -> Ending:
    """Let a disabled client ask for tokens again; nothing that has ended comes back."""
    if await tx.clients.enable(client_id):
        await events.record(tx, EventKind.CLIENT_ENABLED, by, client_id)
    return await revocation.follow(tx, Cause.CLIENT_ENABLED, client_id, by)


def _is_one_word(text: str) -> bool:
    return text.isprintable() and " " not in text.strip()


def _demand_name(field: str, name: str) -> None:
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise invalid_request(f"{field} must be 1 to {_LONGEST_NAME} printable characters.")
