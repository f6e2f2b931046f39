"""``counterfoil token exchange`` and ``token ticket``: less than a sign-in may do (RFC 8693)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from counterfoil.cli.profiles import DEFAULT, Profiles, as_failures, profile_option

if TYPE_CHECKING:
    from counterfoil.client import Client

_SECONDS = click.IntRange(min=1, max=999_999_999)


@click.command()
@click.option("--scope", default="", metavar="SCOPES", help="Some of those that the token has.")
@click.option("--lifetime", type=_SECONDS, metavar="SECONDS", help="The most that it lives.")
@click.option("--may-act", default="", metavar="ID", help="The one client that may act with it.")
@click.option("--resource", default="", metavar="URI", help="The API that it is for.")
@profile_option
def exchange(
    *, scope: str, lifetime: int | None, may_act: str, resource: str, profile: str | None
) -> None:
    """Print a token that may do less than that of `counterfoil login`, for an automation.

    It ends with the token that it came of. The client must be registered for token exchange.
    """
    asked = {"lifetime": str(lifetime or ""), "may_act": may_act}

    def exchanged(client: "Client", held: str) -> str:
        return client.exchange(held, scope, **asked).access_token

    _say(profile, resource, exchanged)


@click.command()
@click.argument("url")
@click.option("--once", is_flag=True, help="It is good once.")
@click.option("--lifetime", type=_SECONDS, metavar="SECONDS", help="300 at most.")
@click.option("--resource", default="", metavar="URI", help="The API that it is for.")
@profile_option
def ticket(
    url: str, *, once: bool, lifetime: int | None, resource: str, profile: str | None
) -> None:
    """Print URL with a ticket in it: a link that is good for one GET, for minutes.

    Whoever has the link may follow it. The API must take tickets that the server has signed.
    """
    asked = {"lifetime": str(lifetime or ""), "ticket_once": "true" if once else ""}
    _say(profile, resource, lambda client, token: client.ticket(token, url, **asked))


def _say(profile: str | None, resource: str, exchanged: "Callable[[Client, str], str]") -> None:
    with as_failures():
        profiles = Profiles()
        found = profiles.find(profile)
        with profiles.client(found) as client:
            held = profiles.holder(client, profile or DEFAULT, found).access_token(resource)
            said = exchanged(client, held)
    click.echo(said)
