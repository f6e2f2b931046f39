"""A command that takes another issuer than the server: its links and tokens would lead astray."""

from typing import Final

import click

from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.own_api import other_issuer

MEND: Final = "set issuer in counterfoil.toml or COUNTERFOIL_ISSUER, for both"


async def warn_of_another(authority: Authority) -> None:
    """Say on stderr that the server has another issuer, and where to set it."""
    served = await authority.store.read(lambda tx: other_issuer(tx, authority.issuer))
    if served:
        click.echo(f"Warning: {said(served, authority.issuer)}; {MEND}.", err=True)


def said(served: str, issuer: str) -> str:
    """Say which two issuers there are."""
    return f"the server's issuer is {served}, and this command took {issuer}"
