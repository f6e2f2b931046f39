"""Plain words for people: permissions, moments, devices. Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from counterfoil.oauth.access import Access
from counterfoil.oauth.limits import Limit
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.passkey import Passkey
from counterfoil.server.records.user_agent import browser_in, system_in

OPENID_PERMISSIONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "openid": ("Know that it is you", "The app learns a number that stands for you here."),
        "profile": ("See your name", ""),
        "email": ("See your email address", ""),
        "offline_access": (
            "Go on while you are away",
            "Also after you sign out, until you end it.",
        ),
    }
)
SPANS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "until_taken_back": "Until I take it back",
        "day": "One day",
        "week": "One week",
        "month": "One month",
        "year": "One year",
    }
)
"""For how long a permission may be given, as `Span` names it."""
_CURRENCY: Final = re.compile("[A-Z]{3}")
_DIGITS: Final = (
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
)
"""Digits of the smallest part of a currency, where there are not two (ISO 4217)."""
_STEPS: Final = ((60, "minute"), (3600, "hour"), (86_400, "day"), (2_592_000, "month"))


def ago(then: int, now: int) -> str:
    """Say how long ago a moment was, in one unit."""
    seconds = max(0, now - then)
    if seconds < _STEPS[0][0]:
        return "just now"
    size, unit = next(step for step in reversed(_STEPS) if seconds >= step[0])
    count = seconds // size
    return f"{count} {unit}{'s' if count > 1 else ''} ago"


def day_of(moment: int) -> str:
    """Name the day of a moment, in UTC."""
    day = datetime.fromtimestamp(moment, UTC)
    return f"{day.day} {day:%B %Y}"


def moment_of(moment: int | None) -> str:
    """Name a moment to the minute, in UTC; nothing where there is none."""
    if moment is None:
        return ""
    return f"{day_of(moment)}, {datetime.fromtimestamp(moment, UTC):%H:%M} UTC"


def end_of(grant: Grant | None) -> str | None:
    """Name the end date of a permission to the minute, in UTC, if it has one."""
    if grant is None or grant.ends_at is None:
        return None
    return moment_of(grant.ends_at)


def device_of(user_agent: str) -> str:
    """Name a device from how its browser names itself: a hint for people, nothing more."""
    browser, system = browser_in(user_agent), system_in(user_agent)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "An unknown device"


def made_on(passkeys: Iterable[Passkey]) -> tuple[str, ...]:
    """Say of each passkey what it is called, and since when it is there."""
    return tuple(f"{each.name}, made on {day_of(each.created_at)}" for each in passkeys)


def limits_of(access: Access) -> tuple[tuple[str, str], ...]:
    """Say what an app asks to be limited to: each action, and how far it may go."""
    return tuple((limit.action, _limit(limit)) for limit in access.limits or ())


def _limit(limit: Limit) -> str:
    parts = list[str]()
    if limit.per_transaction is not None:
        parts.append(f"at most {amount_of(limit.per_transaction, limit.unit)} at a time")
    elif limit.sum is None and limit.unit:
        parts.append(f"any amount of {limit.unit}")
    if limit.count is not None:
        times = "once" if limit.count == 1 else f"{limit.count} times"
        parts.append(f"at most {times} per access token")
    if limit.sum is not None:
        parts.append(f"at most {amount_of(limit.sum, limit.unit)} in all per access token")
    if limit.until is not None:
        parts.append(f"until {moment_of(limit.until)}")
    return ", ".join(parts) or "without any limit"


def amount_of(amount: int, unit: str) -> str:
    """Write an amount as people do: of a currency (ISO 4217) in whole parts, not the smallest."""
    if not _CURRENCY.fullmatch(unit):
        return f"{amount} {unit}".rstrip()
    digits = next((count for count, units in _DIGITS if unit in units.split()), 2)
    whole, rest = divmod(amount, 10**digits)
    return f"{whole}.{rest:0{digits}d} {unit}" if digits else f"{whole} {unit}"
