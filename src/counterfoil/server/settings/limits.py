"""The settings for days on which too many come: what each process takes on at most."""

from typing import Annotated, Final

from msgspec import Struct

from counterfoil.server.settings.meaning import MINUTE, number, seconds

_EACH: Final = (
    "Each process counts for itself; an IPv6 network of 64 bits is one address; 0: no limit."
)


class Limits(Struct, frozen=True, kw_only=True):
    """A part of the table. Defaults are what no honest caller meets."""

    connections_most: Annotated[
        int,
        number(
            "Connections of each process at most. Where there are more, those go that have owed "
            "their request for the longest.",
            16,
        ),
    ] = 16_384
    request_seconds: Annotated[
        int,
        seconds("A request must have come, head and body, within so long.", 1, 10 * MINUTE),
    ] = 20
    requests_most: Annotated[
        int,
        number(
            "Requests that each process answers at once. Whoever comes then is asked at once to "
            "come back (503); for endings and administrators there is room for a quarter more, "
            "half of it for guards that come to follow, too.",
            1,
        ),
    ] = 2_048
    queue_most: Annotated[
        int,
        number(
            "Requests that wait in each process for their turn at the database, beside as many "
            "endings, which go first. Whoever comes then is asked at once to come back (503).",
            1,
        ),
    ] = 1_024
    queue_seconds: Annotated[
        int,
        seconds(
            "Whoever has waited for so long for a turn at the database, or for a password to be "
            "checked, is asked to come back (503): nothing was done.",
            1,
            5 * MINUTE,
        ),
    ] = 10
    token_rate_per_minute: Annotated[
        int, number(f"Token requests from one address. {_EACH}", 0, None, "a minute")
    ] = 60_000
    introspection_rate_per_minute: Annotated[
        int,
        number("Introspections and userinfo, likewise.", 0, None, "a minute"),
    ] = 240_000
    revocation_rate_per_minute: Annotated[
        int,
        number("Revocations by clients, likewise.", 0, None, "a minute"),
    ] = 60_000
    device_rate_per_minute: Annotated[
        int,
        number("Requests of devices that have no browser, likewise.", 0, None, "a minute"),
    ] = 60
    leak_rate_per_minute: Annotated[
        int,
        number("Reports of found secrets, of up to 20 each, likewise.", 0, None, "a minute"),
    ] = 30
    page_rate_per_minute: Annotated[
        int,
        number("Pages for people, and authorization requests, likewise.", 0, None, "a minute"),
    ] = 6_000
    admin_rate_per_minute: Annotated[
        int,
        number("Requests of the admin API and of the admin pages, likewise.", 0, None, "a minute"),
    ] = 6_000
    client_rate_per_minute: Annotated[
        int,
        number(
            "Token requests and introspections of one client that has proved who it is, wherever "
            "they come from. A client's policy may say otherwise (`rate_per_minute`). Each process "
            "counts for itself; 0: no limit.",
            0,
            None,
            "a minute",
        ),
    ] = 240_000
