"""Which lifetime counts, where several speak: always the shortest. Pure (S22, S30)."""

from counterfoil.server.records.client import Client
from counterfoil.server.records.refresh_limits import FOREVER, RefreshLimits
from counterfoil.server.settings import Settings


def earliest(*moments: int | None) -> int | None:
    """Give the earliest moment; ``None`` stands for never."""
    return min((moment for moment in moments if moment is not None), default=None)


def reproof_interval(client: Client, settings: Settings) -> int | None:
    """Say after how many seconds a person signs in anew for this client; ``None``: never (S30)."""
    return earliest(settings.reproof_interval or None, client.policy.reproof_interval)


def limits_of(settings: Settings) -> RefreshLimits:
    """Give the limits of refreshing that the settings of a server say."""
    return RefreshLimits(
        refresh_idle=settings.refresh_idle_lifetime,
        refresh_absolute=settings.refresh_absolute_lifetime,
        offline_idle=settings.offline_idle_lifetime,
        offline_absolute=settings.offline_absolute_lifetime,
        reproof=settings.reproof_interval or FOREVER,
    )
