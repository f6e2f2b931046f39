"""``counterfoil logout``: give the tokens of a sign-in back, and forget them (RFC 7009)."""

import click

from counterfoil.cli.output import Failure, printable
from counterfoil.cli.profiles import DEFAULT, Profiles, as_failures, profile_option


@click.command()
@profile_option
def logout(profile: str | None) -> None:
    """End a sign-in of `counterfoil login`, here and at the server.

    The tokens are forgotten here even where the server cannot be reached.
    """
    from counterfoil.client import HttpFailure, NotTrusted, Refused

    with as_failures():
        profiles = Profiles()
        found = profiles.find(profile)
        name = profile or DEFAULT
        with profiles.client(found) as client:
            holder = profiles.holder(client, name, found)
            try:
                holder.end()
            except (HttpFailure, NotTrusted, Refused) as error:
                profiles.keep(name, None)
                raise Failure(
                    "forgotten here, but not ended at the server, where they live on: "
                    f"{printable(str(error))}"
                ) from None
            profiles.keep(name, None)
    click.echo("Signed out.")
