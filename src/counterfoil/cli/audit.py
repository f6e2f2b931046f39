"""``counterfoil audit``: the log of what happened, proved, exported and erased from (S111)."""

from pathlib import Path

import click

from counterfoil.cli.invocation import Invocation, installation, takes_id

_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.group()
def audit() -> None:
    """The audit log: prove it whole, write it to files, erase a person from it.

    `counterfoil event list` reads it.
    """


@audit.command("verify")
@click.option(
    "--against",
    "witnesses",
    multiple=True,
    metavar="HEAD|FILE",
    help="A signed head of the notices feed, or a file that a guard keeps. May be repeated.",
)
@click.option(
    "--files", "directory", type=_DIRECTORY, metavar="DIR", help="Verify exported segments too."
)
@installation
def verify(call: Invocation, witnesses: tuple[str, ...], directory: Path | None) -> None:
    """Walk the chain; name every line that was changed, taken out, put in or cut off.

    Whoever can write the database can write the whole chain anew, or cut off its end: only a
    signed head that somebody else kept shows that. Exit code 1 where anything is wrong.
    """
    from counterfoil.cli.audit_documents import tell_verification, verified

    document = call.run(lambda authority: verified(authority, witnesses, directory))
    call.show(document, lambda: tell_verification(document))
    if document.faults:
        click.get_current_context().exit(1)


@audit.command("export")
@click.option("--to", "directory", type=_DIRECTORY, required=True, metavar="DIR", help="Where to.")
@click.option("--close", is_flag=True, help="Close the open segment first, up to the newest line.")
@installation
def export(call: Invocation, directory: Path, close: bool) -> None:
    """Write every closed segment that is still in the database to a file of JSON lines.

    Lines that were exported leave the database after audit_retention: keep the files.
    """
    from counterfoil.cli.audit_documents import exported, tell_export

    document = call.run(lambda authority: exported(authority, directory, close=close))
    call.show(document, lambda: tell_export(document))


@audit.command("erase", context_settings=takes_id())
@click.option("--user", "user_id", required=True, metavar="ID", help="The person's id.")
@click.option(
    "--files", "directory", type=_DIRECTORY, metavar="DIR", help="Erase in exported files here too."
)
@installation
def erase(call: Invocation, user_id: str, directory: Path | None) -> None:
    """Blank the personal fields of a person's lines: their id, addresses, browsers.

    The lines stay and the chain holds. Files in audit_export_dir are erased in as well; copies of
    files or of the database elsewhere cannot be reached from here.
    """
    from counterfoil.cli.audit_documents import erased, tell_erasure

    document = call.run(lambda authority: erased(authority, user_id, directory))
    call.show(document, lambda: tell_erasure(document))
