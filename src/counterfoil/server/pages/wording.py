"""Plain words for people: permissions, moments, devices. Pure."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from counterfoil.oauth.access import Access
from counterfoil.oauth.limits import Limit
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.passkey import Passkey
from counterfoil.server.records.sentence import Day, Minute, Row, say, say_many
from counterfoil.server.records.user_agent import browser_in, system_in

OPENID_PERMISSIONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "openid": (
            say("Know that it is you"),
            say("The app learns a number that stands for you here."),
        ),
        "profile": (
            say("See your name"),
            say("And your language, if you have chosen one."),
        ),
        "email": (say("See your email address"), ""),
        "offline_access": (
            say("Go on while you are away"),
            say("Also after you sign out, until you end it."),
        ),
    }
)
SPANS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "until_taken_back": say("Until I take it back"),
        "day": say("One day"),
        "week": say("One week"),
        "month": say("One month"),
        "year": say("One year"),
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
AGO: Final = (
    (60, ("{count} minute ago", "{count} minutes ago")),
    (3600, ("{count} hour ago", "{count} hours ago")),
    (86_400, ("{count} day ago", "{count} days ago")),
    (2_592_000, ("{count} month ago", "{count} months ago")),
)


def ago(then: int, now: int) -> str:
    """Say how long ago a moment was, in one unit."""
    seconds = max(0, now - then)
    if seconds < AGO[0][0]:
        return say("just now")
    size, (one, many) = next(step for step in reversed(AGO) if seconds >= step[0])
    return say_many(one, many, seconds // size)


def day_of(moment: int) -> str:
    """Name the day of a moment, in UTC."""
    return Day(moment)


def moment_of(moment: int | None) -> str:
    """Name a moment to the minute, in UTC; nothing where there is none."""
    return "" if moment is None else Minute(moment)


def end_of(grant: Grant | None) -> str | None:
    """Name the end date of a permission to the minute, in UTC, if it has one."""
    if grant is None or grant.ends_at is None:
        return None
    return moment_of(grant.ends_at)


def device_of(user_agent: str) -> str:
    """Name a device from how its browser names itself: a hint for people, nothing more."""
    browser, system = browser_in(user_agent), system_in(user_agent)
    if browser and system:
        return say("{browser} on {system}", browser=browser, system=system)
    return browser or system or say("An unknown device")


def made_on(passkeys: Iterable[Passkey]) -> tuple[str, ...]:
    """Say of each passkey what it is called, and since when it is there."""
    return tuple(
        say("{name}, made on {day}", name=each.name, day=day_of(each.created_at))
        for each in passkeys
    )


def limits_of(access: Access) -> tuple[tuple[str, str], ...]:
    """Say what an app asks to be limited to: each action, and how far it may go."""
    return tuple((limit.action, _limit(limit)) for limit in access.limits or ())


def _limit(limit: Limit) -> str:
    parts = list[str]()
    if limit.per_transaction is not None:
        amount = amount_of(limit.per_transaction, limit.unit)
        parts.append(say("at most {amount} at a time", amount=amount))
    elif limit.sum is None and limit.unit:
        parts.append(say("any amount of {unit}", unit=limit.unit))
    if limit.count is not None:
        parts.append(
            say_many(
                "at most once per access token",
                "at most {count} times per access token",
                limit.count,
            )
        )
    if limit.sum is not None:
        amount = amount_of(limit.sum, limit.unit)
        parts.append(say("at most {amount} in all per access token", amount=amount))
    if limit.until is not None:
        parts.append(say("until {moment}", moment=moment_of(limit.until)))
    return Row(tuple(parts), ", ") if parts else say("without any limit")


def amount_of(amount: int, unit: str) -> str:
    """Write an amount as people do: of a currency (ISO 4217) in whole parts, not the smallest."""
    if not _CURRENCY.fullmatch(unit):
        return f"{amount} {unit}".rstrip()
    digits = next((count for count, units in _DIGITS if unit in units.split()), 2)
    whole, rest = divmod(amount, 10**digits)
    return f"{whole}.{rest:0{digits}d} {unit}" if digits else f"{whole} {unit}"
