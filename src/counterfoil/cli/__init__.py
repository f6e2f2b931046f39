"""The command line: ``counterfoil …``. Each command imports its own part when it is called."""

import sys


def main() -> None:
    """Run the command line: the entry point of the installed script."""
    try:
        import click  # noqa: F401
    except ModuleNotFoundError:
        sys.exit("counterfoil: the command line needs an extra: pip install 'counterfoil[cli]'")
    if sys.stdout.isatty():
        # Colours and panels are for people; a script that reads the output need not wait for them.
        from rich_click.patch import patch

        patch()
    from counterfoil.cli.program import program

    program(prog_name="counterfoil")
