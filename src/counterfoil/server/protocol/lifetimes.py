"""Which lifetime counts, where several speak: always the shortest (S22, S30)."""

from counterfoil.server.records.client import Client
from counterfoil.server.records.refresh_limits import FOREVER, RefreshLimits
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings


def earliest(*moments: int | None) -> int | None:
    """Give the earliest moment; ``None`` stands for never."""
    return min([moment for moment in moments if moment is not None], default=None)


def reproof_interval(client: Client, limits: RefreshLimits) -> int | None:
    """Say after how many seconds a person signs in anew for this client; ``None``: never (S30)."""
    everyones = None if limits.reproof == FOREVER else limits.reproof
    return earliest(everyones, client.policy.reproof_interval)


def limits_of(settings: Settings) -> RefreshLimits:
    """Give the limits of refreshing that the settings of a server say."""
    return RefreshLimits(
        refresh_idle=settings.refresh_idle_lifetime,
        refresh_absolute=settings.refresh_absolute_lifetime,
        offline_idle=settings.offline_idle_lifetime,
        offline_absolute=settings.offline_absolute_lifetime,
        reproof=settings.reproof_interval or FOREVER,
    )


async def limits_in_force(tx: Transaction, settings: Settings) -> RefreshLimits:
    """Give the limits of refreshing that count for every server of this store.

    Not the settings of this one: what it refused by shorter ones of its own, another would renew,
    and what it renewed by longer ones would outlive those that were clipped (S26).
    """
    noted = await tx.limit_notes.find()
    return limits_of(settings) if noted is None else noted.in_force
