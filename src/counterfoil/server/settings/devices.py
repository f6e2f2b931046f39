"""The settings for devices that have no browser (RFC 8628)."""

from typing import Annotated

from counterfoil.server.settings.limits import Limits
from counterfoil.server.settings.meaning import MINUTE, number, seconds


class Devices(Limits, frozen=True, kw_only=True):
    """A part of the table, on top of another: a struct has one base."""

    device_code_lifetime: Annotated[
        int,
        seconds(
            "How long a person may take from the device's request to their answer, and the device "
            "to fetch it.",
            MINUTE,
            60 * MINUTE,
        ),
    ] = 10 * MINUTE
    device_poll_interval: Annotated[
        int, seconds("How long a device waits before it asks again.", 1, MINUTE)
    ] = 5
    device_requests_most: Annotated[
        int,
        number(
            "Requests of devices that are kept at once. Whoever comes then is asked to come back "
            "(503).",
            1,
            1_000_000,
        ),
    ] = 10_000
    device_tries_per_minute: Annotated[
        int,
        number(
            "Codes of devices that one person may try, right ones included; from one address six "
            "times as many. Each process counts for itself.",
            1,
            None,
            "a minute",
        ),
    ] = 10
