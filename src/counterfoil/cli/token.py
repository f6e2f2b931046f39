"""``counterfoil token``: look into a token, and end one, held or lost (S45, S48)."""

import sys

import click

from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import Failure, print_fields
from counterfoil.cli.receipts import Manner, ending_options, leave


@click.group()
def token() -> None:
    """Tokens: look into one, end one.

    A token on the command line stands in the shell's history; "-" reads it from standard input.
    """


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
