"""``counterfoil doctor``: what is wrong with this installation, and the mend."""

import click

from counterfoil.cli.invocation import Invocation, demanding_server, installation
from counterfoil.cli.output import counted, printable


@click.command()
@installation
@click.pass_context
def doctor(ctx: click.Context, call: Invocation) -> None:
    """Look for what is wrong with this installation, and say the mend.

    Exit code 1 where something is wrong. What only deserves a thought is a warning.
    """
    with demanding_server():
        from counterfoil.cli.diagnosis import Diagnosis, diagnose

    findings = tuple(diagnose(call))
    document = Diagnosis(ok=all(each.status != "problem" for each in findings), findings=findings)

    def tell() -> None:
        signs = {"ok": "ok     ", "warning": "warning", "problem": "PROBLEM"}
        colours = {"ok": "green", "warning": "yellow", "problem": "red"}
        for each in findings:
            sign = click.style(signs[each.status], fg=colours[each.status])
            click.echo(f"{sign}  {each.check}: {printable(each.finding)}")
            if each.mend:
                click.echo(f"         mend: {printable(each.mend)}")
        wrong = sum(each.status == "problem" for each in findings)
        click.echo(f"\n{counted(wrong, 'problem')}." if wrong else "\nNothing is wrong.")

    call.show(document, tell)
    ctx.exit(0 if document.ok else 1)
