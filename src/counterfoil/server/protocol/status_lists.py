"""Publishing status lists, for verifiers that are not ours (draft-ietf-oauth-status-list §5, §8).

A list is computed from what was written down of its tokens and from all that was ever ended: the
same set that the notices fill. So list and feed say the same at every moment.
"""

import asyncio
from collections import OrderedDict
from functools import partial
from typing import Final

from msgspec import Struct

from counterfoil.oauth.feed import Position
from counterfoil.oauth.revocations import RevocationSet
from counterfoil.oauth.status_list import StatusList, StatusListToken, bits_of, compressed
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.minting import mint_status_list
from counterfoil.server.records.issued_token import LIST_SIZE, IssuedToken
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction

PATH: Final = "/status-lists"
_REMEMBERED: Final = 64
_PAGE: Final = 500


def uri_of(issuer: str, list_id: str) -> str:
    """Give the address of a list."""
    return f"{issuer}{PATH}/{list_id}"


async def uris(authority: Authority, tx: Transaction) -> list[str]:
    """Give the addresses of all lists (§9.3)."""
    found = page = await tx.issued_tokens.lists("", _PAGE)
    while len(page) == _PAGE:
        page = await tx.issued_tokens.lists(page[-1], _PAGE)
        found += page
    return [uri_of(authority.issuer, list_id) for list_id in found]


class _Moment(Struct, frozen=True):
    """What a list was computed from. While it stands, nothing can have changed."""

    position: Position
    filled: int
    second: int


class _Published(Struct, frozen=True):
    """A signed list. The same bytes are given until the bits change, or ``until`` (seconds)."""

    moment: _Moment
    bits: bytes
    kid: str
    until: int
    signed: str


class _Seen(Struct, frozen=True):
    """How many places a list ever gave; its tokens, unless all is as it was."""

    filled: int
    tokens: list[IssuedToken] | None


class StatusLists:
    """The lists that one process published last. One is computed at a time, whoever asks."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, _Published] = OrderedDict()
        self._computing = asyncio.Lock()

    async def published(self, authority: Authority, list_id: str, now: float) -> str | None:
        """Give a signed list; ``None`` where there is none, or all its tokens expired long ago.

        ``now`` in seconds since the epoch.

        Raises:
            StoreUnavailable: it could not be read what was ended.
        """
        async with self._computing:
            await authority.hub.catch_up()
            look = partial(self._look, authority, list_id, int(now))
            seen = await authority.store.read(look)
            if seen is None:
                self._last.pop(list_id, None)
                return None
            if seen.tokens is not None:
                self._publish(authority, list_id, seen, int(now))
            return self._last[list_id].signed

    async def _look(
        self, authority: Authority, list_id: str, now: int, tx: Transaction
    ) -> _Seen | None:
        record = await tx.issued_tokens.find_list(list_id)
        if record is None:
            return None
        last = self._last.get(list_id)
        moment = _Moment(authority.hub.position, record.filled, now)
        if last is not None and last.moment == moment:
            return _Seen(record.filled, None)
        return _Seen(record.filled, await tx.issued_tokens.in_list(list_id))

    def _publish(self, authority: Authority, list_id: str, seen: _Seen, now: int) -> None:
        moment = _Moment(authority.hub.position, seen.filled, now)
        bits = _bits(authority.hub.revocations, seen.tokens or [], now)
        last = self._last.get(list_id)
        if last is not None and _still_stands(authority, last, bits, now):
            current = _Published(moment, bits, last.kid, last.until, last.signed)
        else:
            current = _signed(authority, list_id, bits, moment)
        self._last[list_id] = current
        self._last.move_to_end(list_id)
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)


def _bits(revocations: RevocationSet, tokens: list[IssuedToken], now: int) -> bytes:
    ended = (
        token.place.index
        for token in tokens
        if token.place and now < token.expires_at and revocations.rejects(token.marks, now)
    )
    return bits_of(ended, LIST_SIZE)


def _still_stands(authority: Authority, last: _Published, bits: bytes, now: int) -> bool:
    ttl = authority.settings.status_list_ttl
    return (
        last.bits == bits
        and last.until - ttl <= now < last.until
        and authority.keyring.published(Purpose.TOKENS, now).get(last.kid) is not None
    )


def _signed(authority: Authority, list_id: str, bits: bytes, moment: _Moment) -> _Published:
    settings, now = authority.settings, moment.second
    claims = StatusListToken(
        iss=authority.issuer,
        sub=uri_of(authority.issuer, list_id),
        iat=now,
        exp=now + settings.status_list_lifetime,
        ttl=settings.status_list_ttl,
        status_list=StatusList(compressed(bits)),
    )
    signed, kid = mint_status_list(authority, claims)
    return _Published(moment, bits, kid, now + settings.status_list_ttl, signed)
