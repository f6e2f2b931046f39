"""The tree of commands: one module for each noun, imported when it is asked for."""

from importlib import import_module
from types import MappingProxyType
from typing import Final

import click

from counterfoil.cli.output import Failure

COMMANDS: Final = MappingProxyType(
    {
        "serve": "Run the server.",
        "login": "Sign in at an issuer, to call APIs from this terminal.",
        "logout": "Give the tokens of a sign-in back, and forget them.",
        "call": "Call an API with the token of whoever is signed in.",
        "client": "Apps, services and automations that may ask for tokens.",
        "user": "People who can sign in.",
        "api": "APIs that tokens are for, with their scopes.",
        "provider": "Other servers at which people sign in to come in here.",
        "grant": "What people allowed apps.",
        "family": "What hangs under one authorization.",
        "session": "Browsers that are signed in.",
        "remembered": "Browsers that are remembered when their session is over.",
        "personal": "Tokens that people make by hand.",
        "limited": "Tokens that work so many times, and what is left of each.",
        "token": "Print a fresh token of a sign-in; look into a token, end one.",
        "explain": "Why a token is refused, since when and by whom.",
        "key": "Signing keys, and what to do when one has leaked.",
        "event": "What happened: who, what to whom, when, from where, with what proof.",
        "audit": "The audit log: prove it whole, write it to files, erase a person from it.",
        "database": "The database: who may serve, upgrades, copies elsewhere, backups.",
        "settings": "Every setting with its value, its source and its default.",
        "doctor": "What is wrong with this installation, and the mend.",
    }
)
"""Every command with its line of help. It stands in the module of the same name."""

_OVERVIEW: Final = "counterfoil.overview"


class Program(click.Group):
    """The root: finds commands by the table, and says in one line what went wrong."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order of the table."""
        return list(COMMANDS)

    def get_help(self, ctx: click.Context) -> str:
        """Write the overview, for which no command is imported."""
        ctx.meta[_OVERVIEW] = True
        return super().get_help(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; for the overview its line is enough."""
        if cmd_name not in COMMANDS:
            return None
        if ctx.meta.get(_OVERVIEW):
            return click.Command(cmd_name, help=COMMANDS[cmd_name])
        module = import_module(f"counterfoil.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        command.short_help = COMMANDS[cmd_name]
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run, and turn a ``Failure`` into one line on stderr and exit code 1."""
        try:
            return super().invoke(ctx)
        except Failure as failure:
            click.echo(f"counterfoil: {failure}", err=True)
            return ctx.exit(1)


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"counterfoil {version('counterfoil')}")
        ctx.exit()


@click.group(cls=Program)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Print the version.",
)
def program() -> None:
    """Issue, use and take back tokens.

    login, logout, call and token speak to any issuer, as a client. All other commands work on the
    data directory while the server runs; what they change takes effect at
    once.
    """
