"""Looking into a token: whose it is, what it holds, whether it stands. Never the token itself."""

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from msgspec import Struct, to_builtins

from counterfoil.cli.output import Failure, at
from counterfoil.jose import jwe, jws, jwt
from counterfoil.jose.errors import JoseError
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.oauth.reasons import Reason, meaning_of
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.introspection import standing_family
from counterfoil.server.protocol.refresh_tokens import Presentation, read_refresh_token
from counterfoil.server.protocol.token_kinds import other_secret
from counterfoil.server.protocol.token_reading import ReadToken
from counterfoil.server.records.family import Family
from counterfoil.server.records.store import Transaction

_Members = Mapping[str, object]


class Inspection(Struct, frozen=True, kw_only=True):
    """What a token is.

    ``ours``: we made it. ``active``: it stands; else ``reason`` is one word and ``sentence`` says
    it in full. Where ``ours`` is false, header and claims are only what the sender wrote.
    """

    kind: str
    ours: bool
    active: bool
    reason: str | None
    sentence: str | None
    header: Mapping[str, object]
    claims: Mapping[str, object]

    def lines(self) -> Iterator[tuple[str, str]]:
        """Give the lines for a person."""
        yield "kind", self.kind
        yield "ours", "yes" if self.ours else "no: what follows is only what the sender wrote"
        yield "stands", "yes" if self.active else f"no: {self.reason}"
        for name, value in (*self.header.items(), *self.claims.items()):
            when = f"  ({at(value)})" if name in _TIMES and isinstance(value, int) else ""
            yield f"  {name}", f"{value}{when}"


_TIMES: Final = frozenset({"exp", "iat", "nbf", "auth_time"})


async def inspected(authority: Authority, unverified: str) -> Inspection:
    """Look into a token.

    Raises:
        Failure: it is no token at all.
    """
    if is_spelled(Kind.REFRESH_TOKEN, unverified):
        return await _refresh_token(authority, unverified)
    kind = other_secret(unverified)
    if kind is not None:
        raise Failure(f"this is {kind}, not a token")
    await authority.hub.catch_up()
    found = await authority.store.read(partial(authority.reader.find, unverified))
    header, claims = _written_in(unverified, found)
    judged = authority.reader.judge(found, time.time())
    reason = judged if isinstance(judged, Reason) else None
    return Inspection(
        kind="personal_token" if _is_personal(unverified) else "access_token",
        ours=not isinstance(found, Reason),
        active=reason is None,
        reason=reason,
        sentence=meaning_of(reason).sentence if reason else None,
        header=header,
        claims=claims,
    )


def _written_in(unverified: str, found: ReadToken | Reason) -> tuple[_Members, _Members]:
    """Give header and claims; an opaque token says nothing itself, but its record does."""
    if is_spelled(Kind.ACCESS_TOKEN, unverified) or _is_personal(unverified):
        return {}, {} if isinstance(found, Reason) else to_builtins(found.token)
    if jws.looks_encrypted(unverified):
        return _encrypted(unverified), {} if isinstance(found, Reason) else to_builtins(found.token)
    try:
        return jwt.unverified_header(unverified), jwt.unverified_claims(unverified)
    except JoseError as error:
        raise Failure(f"this is no token: {error}") from None


def _is_personal(unverified: str) -> bool:
    return is_spelled(Kind.PERSONAL_TOKEN, unverified)


def _encrypted(unverified: str) -> _Members:
    """Give the header of an encrypted token; what is inside, the server has opened, if it can."""
    try:
        header = jwe.read_header(jwe.split(unverified).aad)
    except JoseError as error:
        raise Failure(f"this is no token: {error}") from None
    return {name: header[name] for name in ("alg", "enc", "kid", "typ", "cty")}


async def _refresh_token(authority: Authority, unverified: str) -> Inspection:
    shown = read_refresh_token(authority.keys.refresh_mac, unverified)
    if shown is None:
        return _refused("bad_signature", "We never made this refresh token.", ours=False)

    async def work(tx: Transaction) -> tuple[Family | None, str | None]:
        found = await tx.families.find(shown.family_id)
        if found is None or found.ended_at is not None:
            return found, None
        try:
            return await standing_family(authority, tx, found), None
        except OAuthError as error:
            return found, error.description

    family, gone = await authority.store.read(work)
    if family is None:
        return _refused("expired", "The token's family has been forgotten.", ours=True)
    reason, sentence = _judged(family, shown, int(time.time()))
    if reason is None and gone is not None:
        reason, sentence = "revoked", gone
    return Inspection(
        kind="refresh_token",
        ours=True,
        active=reason is None,
        reason=reason,
        sentence=sentence,
        header={},
        claims=_claims(family, shown),
    )


def _refused(reason: str, sentence: str, *, ours: bool) -> Inspection:
    return Inspection(
        kind="refresh_token",
        ours=ours,
        active=False,
        reason=reason,
        sentence=sentence,
        header={},
        claims={},
    )


def _judged(family: Family, shown: Presentation, now: int) -> tuple[str | None, str | None]:
    if family.ended_at is not None:
        return "revoked", f"Its family ended at {at(family.ended_at)} ({family.ended_why})."
    if now >= family.refresh_expires_at:
        return "expired", f"It expired at {at(family.refresh_expires_at)}."
    if shown.digest != family.refresh_digest:
        return "used_up", "It has been exchanged for a newer one."
    return None, None


def _claims(family: Family, shown: Presentation) -> Mapping[str, object]:
    claims = {
        "client_id": family.client_id,
        "sub": family.user_id,
        "fam": family.id,
        "generation": shown.generation,
        "scope": family.access.scope,
        "iat": family.rotated_at or family.created_at,
        "exp": family.refresh_expires_at,
        "auth_time": family.auth_time,
        "sid": family.session_id,
    }
    built: dict[str, object] = to_builtins(claims)
    return built
