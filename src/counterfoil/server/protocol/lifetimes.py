"""Which lifetime counts, where several speak: always the shortest. Pure (S22, S30)."""

from counterfoil.server.records.client import Client
from counterfoil.server.settings import Settings


def earliest(*moments: int | None) -> int | None:
    """Give the earliest moment; ``None`` stands for never."""
    return min((moment for moment in moments if moment is not None), default=None)


def reproof_interval(client: Client, settings: Settings) -> int | None:
    """Say after how many seconds a person signs in anew for this client; ``None``: never (S30)."""
    return earliest(settings.reproof_interval or None, client.policy.reproof_interval)
