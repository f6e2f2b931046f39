"""``counterfoil token``: print a fresh one; look into one, and end one, held or lost (S45, S48)."""

import sys
from typing import IO

import click

from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import Failure, print_fields
from counterfoil.cli.profiles import DEFAULT, Profiles, as_failures, profile_option
from counterfoil.cli.receipts import Manner, ending_options, leave
from counterfoil.cli.token_exchange import exchange, ticket


@click.group(invoke_without_command=True)
@click.option("--resource", default="", metavar="URI", help="The API that it is for.")
@click.option("--max-uses", metavar="N", help="A token of its own that works so many times.")
@click.option("--lifetime", metavar="SECONDS", help="... that lives no longer.")
@click.option("--url", metavar="URL", help="... that is good for GET of this URL alone.")
@profile_option
@click.pass_context
def token(
    ctx: click.Context, /, resource: str, profile: str | None, **narrowing: str | None
) -> None:
    """Print a fresh access token of a sign-in; or look into a token, or end one.

    Without a command: the token of `counterfoil login`, and nothing else, for
    curl -H "Authorization: Bearer $(counterfoil token)" URL. It is for whoever reads it: give it
    to no other API.

    A token on the command line stands in the shell's history; "-" reads it from standard input.
    """

    if ctx.invoked_subcommand is None:
        wanted = {name: value for name, value in narrowing.items() if value is not None}
        click.echo(_fresh_token(profile, resource, wanted))


def _fresh_token(profile: str | None, resource: str, narrowing: dict[str, str]) -> str:
    with as_failures():
        profiles = Profiles()
        found = profiles.find(profile)
        with profiles.client(found) as client:
            holder = profiles.holder(client, profile or DEFAULT, found)
            if narrowing:
                return holder.narrowed(resource, **narrowing).access_token
            return holder.access_token(resource)


@token.command("end", context_settings=takes_id())
@click.argument("unverified", metavar="TOKEN|-", required=False)
@click.option("--jti", help="End the access token with this jti, its fingerprint in every log.")
@ending_options
@installation
def end(call: Invocation, unverified: str | None, jti: str | None, *, manner: Manner) -> None:
    """End an access token, or a refresh token with its family.

    A lost token is ended by its jti, without being held.
    """
    from counterfoil.cli.token_ending import end_token, read_token
    from counterfoil.server.protocol.endings import Ends, Target
    from counterfoil.server.protocol.identifiers import is_fingerprint

    if (unverified is None) == (jti is None):
        raise click.UsageError("give a token, or - for standard input, or --jti")
    if jti is not None:
        if not is_fingerprint(jti):
            raise click.UsageError("--jti takes a jti, of 22 or 39 characters, not a token")
        target = Target(Ends.TOKEN, jti)
    else:
        target = read_token(call, read_pasted(unverified or ""))
    document = end_token(call, target, manner)
    call.show(document, document.tell)
    leave(document.guards)


token.add_command(end, "revoke")
token.add_command(exchange)
token.add_command(ticket)


@token.command("inspect", context_settings=takes_id())
@click.argument("unverified", metavar="TOKEN|-")
@installation
def inspect(call: Invocation, unverified: str) -> None:
    """Say whose a token is, what it holds, and whether it stands or why not."""
    from counterfoil.cli.token_inspection import inspected

    text = read_pasted(unverified)
    document = call.run(lambda authority: inspected(authority, text))

    def tell() -> None:
        print_fields(document.lines())
        if document.sentence:
            click.echo(f"\n{document.sentence}")

    call.show(document, tell)


@token.command("mint", context_settings=takes_id())
@click.argument("described", metavar="FILE|-", type=click.File("rb"))
@click.option("--client", "client_id", required=True, metavar="ID", help="In whose name.")
@click.option("--each", is_flag=True, help="Make what can be made; else all of it or nothing.")
@installation
def mint(call: Invocation, described: IO[bytes], client_id: str, *, each: bool) -> None:
    """Make tokens from a JSON description, or an array of them, in the name of a client.

    The client must be registered with the scope mint. It is written down who did it.
    """
    from counterfoil.cli.token_minting import document_of, lines_of, minted

    body = described.read()
    answer = call.run(lambda authority: minted(authority, client_id, body, each=each))
    call.show(document_of(answer), lambda: click.echo("\n".join(lines_of(answer))))


def read_pasted(unverified: str) -> str:
    """Take a token from the command line, or from standard input where it is ``-``.

    Raises:
        Failure: there is none.
    """
    if unverified == "-":
        unverified = sys.stdin.buffer.read().decode("ascii", "replace")
    text = unverified.strip()
    if not text:
        raise Failure("there is no token in the input")
    return text
