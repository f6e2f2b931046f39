"""Shortening a lifetime reaches the tokens already out; lengthening one revives nothing (S26).

The next generation is drawn, and a notice says how old tokens of earlier ones may grow. What is
minted afterwards goes by its own ``exp``, so that lengthening needs no word to anybody.
"""

from typing import Final

from msgspec import Struct

from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.protocol import events
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.revocation import longest_end
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import Life
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings

_FOREVER: Final = 10**10
"""Seconds, added to a time: no limit."""

SERVER: Final = Actor("server", proof="server")


class _Change(Struct, frozen=True):
    """A lifetime in seconds, before and after; ``None``: no limit of its own."""

    before: int | None
    after: int | None

    @property
    def shortens(self) -> bool:
        return self.after is not None and (self.before is None or self.after < self.before)


async def note_client(tx: Transaction, before: Client, after: Client, by: Actor) -> None:
    """Limit a client's tokens already out, if its policy has shortened their lifetime."""
    name = after.client_id
    change = _Change(before.policy.access_token_lifetime, after.policy.access_token_lifetime)
    if change.shortens:
        generation = await tx.clients.next_generation(name)
        await _shorten(tx, (Ended.CLIENT, name, generation), change, by)


async def note_refreshing(tx: Transaction, client: Client) -> None:
    """Write down how long refresh tokens already out may live by a client's policy.

    So that one that was refused meanwhile stays refused when the policy is lengthened again.
    """
    policy = client.policy
    for offline, idle, absolute in (
        (False, policy.refresh_idle_lifetime, policy.refresh_absolute_lifetime),
        (True, policy.offline_idle_lifetime, policy.offline_absolute_lifetime),
    ):
        longest = min(absolute or _FOREVER, policy.reproof_interval or _FOREVER)
        if idle is not None or longest != _FOREVER:
            life = Life(idle or _FOREVER, longest)
            await tx.families.clip(client.client_id, life, offline=offline)


async def note_api(tx: Transaction, before: Api, after: Api, by: Actor) -> None:
    """Limit an API's tokens already out, if it has shortened their lifetime.

    Where the API does not say, the default counts that the server last started with.
    """
    default = await tx.default_lifetimes.find()
    usual = default.seconds if default is not None else None
    change = _Change(before.token_lifetime or usual, after.token_lifetime or usual)
    if change.shortens:
        await _shorten_api(tx, after.uri, change, by)


async def note_default(tx: Transaction, settings: Settings) -> None:
    """Take in the default that a server starts with; a shorter one than the last reaches back.

    It concerns every API without a lifetime of its own, and userinfo. Only a server that is about
    to issue tokens may call this: a command may run with other settings.
    """
    last = await tx.default_lifetimes.find()
    seconds = settings.access_token_lifetime
    if last is None:
        await tx.default_lifetimes.keep(DefaultLifetime(seconds))
        return
    change, generation = _Change(last.seconds, seconds), last.generation
    if change.shortens:
        generation += 1
        await _shorten(tx, (Ended.API, settings.issuer, generation), change, SERVER)
        for api in await tx.apis.every():
            if api.token_lifetime is None:
                await _shorten_api(tx, api.uri, change, SERVER)
    if seconds != last.seconds:
        await tx.default_lifetimes.keep(DefaultLifetime(seconds, generation))


async def _shorten_api(tx: Transaction, uri: str, change: _Change, by: Actor) -> None:
    generation = await tx.apis.next_generation(uri)
    await _shorten(tx, (Ended.API, uri, generation), change, by)


async def _shorten(
    tx: Transaction, whose: tuple[Ended, str, int], change: _Change, by: Actor
) -> None:
    kind, name, generation = whose
    until, max_age = await longest_end(tx), change.after or 0
    await tx.notices.append([Notice(kind, name, until, generation, max_age)])
    detail = {"of": kind.value, "from": str(change.before or "default"), "to": str(max_age)}
    await events.record(tx, EventKind.LIFETIME_SHORTENED, by, name, detail)
