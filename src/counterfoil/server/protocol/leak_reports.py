"""Secrets that were found where they should not be: whoever reports one ends it (S11).

Nobody has to say who they are: whoever holds a secret could use it. The answer tells nothing.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.opaque import Kind, Secret, fingerprint, is_spelled
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.refresh_tokens import read_refresh_token
from counterfoil.server.protocol.remember_tokens import read_token
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.action_token import Action
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.personal_token import TokenEnd
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction

MOST_REPORTS: Final = 20
WHY: Final = "reported"
_LONGEST_PLACE: Final = 300
_DOTS: Final = (2, 4)
"""Of a token that is signed, and of one that is encrypted besides (RFC 7515, RFC 7516)."""
_LIKE_A_SECRET: Final = re.compile(r"cf[a-z]{1,3}_[\w-]{16,}|eyJ[\w.-]{16,}")
_What: TypeAlias = Literal[
    "personal_token", "family", "client_secret", "session", "remembered", "action_token", "token"
]


class Report(Struct, frozen=True):
    """One secret that was found; ``type`` and ``source`` are in the words of who found it."""

    token: Annotated[str, Meta(min_length=1, max_length=16_384)]
    type: Annotated[str, Meta(max_length=100)] = ""
    url: Annotated[str, Meta(max_length=2_000)] = ""
    source: Annotated[str, Meta(max_length=100)] = ""

    def __repr__(self) -> str:
        return "Report(…)"


class Received(Struct, frozen=True):
    """The answer: how many reports were read, and not a word of what was found."""

    received: int


class _Leaked(Struct, frozen=True):
    """What was reported, by the name under which it ends; and whose it is, as far as is known."""

    what: _What
    name: str
    expires_at: int | None = None
    place: str = ""
    source: str = ""
    client_id: str = ""
    user_id: str = ""


async def take(authority: Authority, body: bytes, origin: Origin) -> Received:
    """End every secret of ours in a report, or an array of at most 20.

    What is none of ours, or has ended, costs a look-up and no place in the queue of the writer.

    Raises:
        OAuthError: ``invalid_request``: it is no report. Nothing of it is repeated.
        StoreUnavailable: nothing can be ended at the moment.
    """
    reports = _reports_in(body)
    await authority.hub.catch_up()
    found = await authority.store.read(partial(_found, authority, reports))
    if found:
        by = Actor(events.ANYONE, origin)
        await authority.store.transact(partial(_end_all, found, by), urgent=True)
        await authority.hub.catch_up()
    return Received(len(reports))


def _reports_in(body: bytes) -> Sequence[Report]:
    try:
        read = msgspec.json.decode(body, type=Report | list[Report])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        read = []
    reports = read if isinstance(read, list) else [read]
    if not 0 < len(reports) <= MOST_REPORTS:
        raise invalid_request(
            f"Send an object with token, and perhaps type, url and source; or 1 to {MOST_REPORTS} "
            "of them in an array."
        )
    return reports


async def _found(authority: Authority, reports: Sequence[Report], tx: Transaction) -> list[_Leaked]:
    found = [await _read(authority, tx, report) for report in reports]
    return [each for each in found if each is not None]


async def _read(authority: Authority, tx: Transaction, report: Report) -> _Leaked | None:
    text = report.token.strip()
    kind = next((kind for kind in _READERS if is_spelled(kind, text)), None)
    reader = _READERS[kind] if kind is not None else _access_token
    found = await reader(authority, tx, text)
    if found is None:
        return None
    return replace(found, place=_place_of(report), source=_tame(report.source))


async def _personal_token(_: Authority, tx: Transaction, text: str) -> _Leaked | None:
    token = await tx.personal_tokens.find(fingerprint(text))
    if token is None or not token.is_live(tx.now):
        return None
    return _Leaked("personal_token", token.id, user_id=token.user_id)


async def _refresh_token(authority: Authority, tx: Transaction, text: str) -> _Leaked | None:
    """Read one that was used already, too: what came after it is in the same hands."""
    shown = read_refresh_token(authority.keys.refresh_mac, text)
    family = await tx.families.find(shown.family_id) if shown else None
    if family is None or not family.is_live(tx.now):
        return None
    return _Leaked("family", family.id, user_id=family.user_id)


async def _client_secret(_: Authority, tx: Transaction, text: str) -> _Leaked | None:
    secret = await tx.clients.find_secret(fingerprint(text))
    if secret is None or not secret.is_live(tx.now):
        return None
    return _Leaked("client_secret", secret.id, client_id=secret.client_id)


async def _session(_: Authority, tx: Transaction, text: str) -> _Leaked | None:
    session = await tx.sessions.find_by_digest(fingerprint(text))
    if session is None or session.ended_at is not None:
        return None
    return _Leaked("session", session.id, user_id=session.user_id)


async def _remembered(authority: Authority, tx: Transaction, text: str) -> _Leaked | None:
    """Read one of any age: whoever had an older one may have had those after it."""
    token = read_token(authority.keys.remembering, Secret(text))
    found = await tx.remembered_browsers.find(token.remembered_id) if token else None
    return None if found is None else _Leaked("remembered", found.id, user_id=found.user_id)


async def _action_token(_: Authority, tx: Transaction, text: str) -> _Leaked | None:
    digest = fingerprint(text)
    found = [await tx.action_tokens.find(digest, action, tx.now) for action in Action]
    token = next((each for each in found if each is not None), None)
    return None if token is None else _Leaked("action_token", "link", user_id=token.user_id)


async def _access_token(authority: Authority, tx: Transaction, text: str) -> _Leaked | None:
    """Read one that counts, and no other: with a leaked key anyone makes more, without an end."""
    if not is_spelled(Kind.ACCESS_TOKEN, text) and text.count(".") not in _DOTS:
        return None
    read = authority.reader.judge(await authority.reader.find(text, tx), tx.now)
    if isinstance(read, Reason):
        return None
    token = read.token
    return _Leaked("token", token.jti, token.exp, client_id=token.client_id)


_Reader: TypeAlias = Callable[[Authority, Transaction, str], Awaitable[_Leaked | None]]
_READERS: Final[Mapping[Kind, _Reader]] = MappingProxyType(
    {
        Kind.PERSONAL_TOKEN: _personal_token,
        Kind.REFRESH_TOKEN: _refresh_token,
        Kind.CLIENT_SECRET: _client_secret,
        Kind.SESSION: _session,
        Kind.REMEMBERED: _remembered,
        Kind.ACTION_TOKEN: _action_token,
    }
)
"""What each of our secrets leads to; whatever else there is may be an access token."""


async def _end_all(found: Sequence[_Leaked], by: Actor, tx: Transaction) -> None:
    for leaked in found:
        ending = await _end(tx, leaked, by)
        if ending.ended:
            said = {
                "what": leaked.what,
                "found_at": leaked.place,
                "source": leaked.source,
                "client_id": leaked.client_id,
                "user_id": leaked.user_id,
            }
            detail = {name: value for name, value in said.items() if value}
            await events.record(tx, EventKind.SECRET_REPORTED, by, leaked.name, detail)


async def _end(tx: Transaction, leaked: _Leaked, by: Actor) -> Ending:
    match leaked.what:
        case "personal_token":
            end = TokenEnd(tx.now, WHY, leaked.place)
            return await revocation.end_personal_token(tx, leaked.name, end, by)
        case "family":
            return await revocation.end_family(tx, leaked.name, WHY, by)
        case "session":
            return await revocation.end_session(tx, leaked.name, by)
        case "remembered":
            remembered = await tx.remembered_browsers.find(leaked.name)
            if remembered is None:
                return await revocation.nothing_ended(tx)
            return await revocation.end_remembered(tx, remembered, WHY, by)
        case "action_token":
            ended = await tx.action_tokens.end_of(leaked.user_id) > 0
            return replace(await revocation.nothing_ended(tx), ended=ended)
        case "token":
            return await revocation.end_token(tx, leaked.name, leaked.expires_at, by, WHY)
        case "client_secret":
            return await _end_secret(tx, leaked, by)


async def _end_secret(tx: Transaction, leaked: _Leaked, by: Actor) -> Ending:
    """End a client's secret, and all that may have been got with it.

    It may be in one report twice: the second finds that nothing is left.
    """
    secrets = await tx.clients.secrets_of(leaked.client_id)
    if not any(each.id == leaked.name and each.is_live(tx.now) for each in secrets):
        return await revocation.nothing_ended(tx)
    await tx.clients.expire_secret(leaked.name, tx.now)
    detail = {"id": leaked.name, "why": WHY}
    await events.record(tx, EventKind.CLIENT_SECRET_RETIRED, by, leaked.client_id, detail)
    return await revocation.follow(tx, Cause.SECRET_REPORTED, leaked.client_id, by)


def _place_of(report: Report) -> str:
    """Say where it was found, without what may hold the secret itself."""
    url = re.split(r"[?#]", report.url, maxsplit=1)[0]
    return _tame(url) or _tame(report.source) or "a place that was not named"


def _tame(text: str) -> str:
    """Keep what can be shown on one line, and nothing that looks like a secret."""
    visible = "".join(each for each in text if each.isprintable())
    return _LIKE_A_SECRET.sub("…", visible)[:_LONGEST_PLACE]
