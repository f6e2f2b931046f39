"""Shortening a lifetime reaches the tokens already out; lengthening one revives nothing (S26).

The next generation is drawn, and a notice says how old tokens of earlier ones may grow. What is
minted afterwards goes by its own ``exp``, so that lengthening needs no word to anybody.
"""

from itertools import product
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.protocol import events
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.families import limited, proved_life_of
from counterfoil.server.protocol.lifetimes import limits_of
from counterfoil.server.protocol.revocation import longest_end
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.event import SERVER, EventKind
from counterfoil.server.records.refresh_limits import FOREVER, NotedLimits, RefreshLimits
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings

_AT_ONCE: Final = 250
"""Families in one transaction: the writer stands still for some milliseconds."""


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


async def note_refreshing(tx: Transaction, before: Client, after: Client) -> None:
    """Write down how long a client's refresh tokens already out may live by its policies.

    So that one that was refused by either stays refused, whatever is said later. Where a policy
    says nothing, the limits count that the server last started with.
    """
    if before.policy == after.policy:
        return
    noted = await tx.limit_notes.find()
    limits = noted.in_force if noted is not None else RefreshLimits()
    for client, offline in product((before, after), (False, True)):
        life = proved_life_of(client, limits, offline=offline)
        await tx.families.clip(client.client_id, life, offline=offline)


async def note_limits(tx: Transaction, settings: Settings) -> None:
    """Take in the limits of refreshing that a server starts with; shorter ones count at once.

    Refresh tokens already out are clipped to them afterwards, by ``clip_some``: until that is done
    no longer limits come into force, whatever a server starts with. Only a server that is about to
    issue tokens may call this: a command may run with other settings.
    """
    wanted = limits_of(settings)
    last = await tx.limit_notes.find()
    if last is None:
        # An older release may have refused by them already, and noted nothing.
        await tx.limit_notes.keep(NotedLimits(wanted, wanted))
        return
    now = last.with_wanted(wanted)
    if now != last:
        await tx.limit_notes.keep(now)
    before, after = asdict(last.in_force), asdict(now.in_force)
    shorter = [name for name in after if after[name] < before[name]]
    if shorter:
        said = {name: f"{_said(before[name])} to {after[name]}" for name in shorter}
        detail = {"of": "refreshing", **said}
        await events.record(tx, EventKind.LIFETIME_SHORTENED, SERVER, settings.issuer, detail)


def _said(seconds: int) -> str:
    return "none" if seconds == FOREVER else str(seconds)


async def clip_some(tx: Transaction) -> int:
    """Clip some refresh tokens to limits in force that were shortened; says how many were seen.

    What was clipped before a crash is not clipped again.
    """
    noted = await tx.limit_notes.find()
    if noted is None or noted.clipped_to is None:
        return 0
    seen = await tx.families.page(noted.clipped_to, _AT_ONCE)
    live = [family for family in seen if family.ended_at is None]
    # Few clients have many families: looked up for each, they take nearly all of the time.
    clients = {name: await tx.clients.find(name) for name in {each.client_id for each in live}}
    for family in live:
        client = clients[family.client_id]
        if client is not None:
            ends = limited(family, client, noted.in_force).refresh_expires_at
            if ends < family.refresh_expires_at:
                await tx.families.shorten(family.id, ends)
    to = seen[-1].id if len(seen) == _AT_ONCE else None
    await tx.limit_notes.keep(noted.clipped(to))
    return len(seen)


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
