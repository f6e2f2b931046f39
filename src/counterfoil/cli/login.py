"""``counterfoil login``: sign in at an issuer, for ``token`` and ``call`` (RFC 8252, RFC 8628)."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from counterfoil.cli.output import Failure, printable
from counterfoil.cli.profiles import DEFAULT, Profile, Profiles, as_failures, profile_option

if TYPE_CHECKING:
    from counterfoil.client import Client, Tokens


@click.command()
@click.argument("issuer")
@click.option("--client-id", required=True, metavar="ID", help="The client, as it is registered.")
@click.option(
    "--scope",
    default="openid",
    show_default=True,
    metavar="SCOPES",
    help="What the tokens may do, separated by spaces.",
)
@click.option("--resource", default="", metavar="URI", help="The API that they are for.")
@click.option("--device", is_flag=True, help="Sign in on another device: for machines without one.")
@click.option(
    "--service", is_flag=True, help="As the client itself, with --client-key: for automations."
)
@click.option(
    "--client-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The client's private key, PEM or JWK. Default: it is a public client.",
)
@click.option("--keyring", is_flag=True, help="Keep the tokens in the system's keyring.")
@profile_option
def login(
    issuer: str,
    client_id: str,
    *,
    scope: str,
    resource: str,
    device: bool,
    service: bool,
    client_key: Path | None,
    keyring: bool,
    profile: str | None,
) -> None:
    """Sign in, by the browser of this machine unless told otherwise.

    The client needs the redirect URI http://127.0.0.1/callback. The tokens are kept encrypted,
    and fresh, until `counterfoil logout`.
    """
    if service and client_key is None:
        raise click.UsageError("--service needs --client-key")
    asked = "" if service and scope == "openid" else scope
    new = Profile(
        issuer=issuer,
        client_id=client_id,
        scope=asked,
        resource=resource,
        client_key=str(client_key.resolve()) if client_key else "",
        is_service=service,
        in_keyring=keyring,
        apis=(resource,) if resource else (),
    )
    with as_failures():
        _sign_in(Profiles(), profile or DEFAULT, new, device=device)


def _sign_in(profiles: Profiles, name: str, new: Profile, *, device: bool) -> None:
    profiles.prepare()
    with profiles.client(new) as client:
        holder = profiles.holder(client, name, new)
        tokens = None if new.is_service else _tokens(client, new, device=device)
        _end_earlier(profiles, name)
        if tokens is None:
            tokens = holder.tokens()
        else:
            holder.take(tokens)
    profiles.keep(name, new)
    click.echo(f"Signed in at {printable(new.issuer)} as {printable(_who(tokens, new))}.")
    if tokens.refresh_token is None and not new.is_service:
        click.echo("There is no refresh token: this ends with the access token.", err=True)


def _tokens(client: "Client", new: Profile, *, device: bool) -> "Tokens":
    if not device:
        return client.sign_in(new.scope, resource=new.resource, tell=_tell)
    begun = client.begin_device(new.scope, new.resource or None)
    click.echo("On any device, open this page and enter this code:", err=True)
    click.echo(f"\n    {begun.verification_uri}\n    {begun.user_code}\n", err=True)
    if begun.verification_uri_complete:
        click.echo(f"Or open {begun.verification_uri_complete}", err=True)
    return client.finish_device(begun)


def _tell(url: str) -> None:
    click.echo(f"Sign in here, if no browser opens:\n\n    {printable(url)}\n", err=True)


def _end_earlier(profiles: Profiles, name: str) -> None:
    """Give back what an earlier sign-in of that name left: what nobody holds, nobody loses."""
    earlier = profiles.every().get(name)
    if earlier is None or earlier.is_service:
        return
    with suppress(Failure), as_failures(), profiles.client(earlier) as client:
        profiles.holder(client, name, earlier).end()


def _who(tokens: "Tokens", new: Profile) -> str:
    identity = tokens.identity
    if identity is None:
        return new.client_id if new.is_service else "somebody (the scope openid says who)"
    return identity.email or identity.name or identity.subject
