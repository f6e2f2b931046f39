"""``counterfoil explain``: why a token is refused, since when and by whom (S109, S48)."""

from typing import TYPE_CHECKING

import click

from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import at, print_fields, print_table, printable
from counterfoil.cli.token import read_pasted

if TYPE_CHECKING:
    from counterfoil.server.protocol.explaining.explanation import Explanation


@click.command(context_settings=takes_id())
@click.argument("pasted", metavar="TOKEN|FINGERPRINT|-")
@installation
def explain(call: Invocation, pasted: str) -> None:
    """Walk the checks of a token one by one, and say which one decides, since when and by whom.

    A fingerprint, the jti in logs and refusals, is enough for most of it. A token on the command
    line stands in the shell's history; "-" reads it from standard input. It is neither stored nor
    logged.
    """
    from counterfoil.server.protocol.explain import explain as explained

    text = read_pasted(pasted)
    document = call.run(lambda authority: explained(authority, text))
    call.show(document, lambda: _tell(document))


def _tell(found: "Explanation") -> None:
    fields = [
        ("kind", found.kind.replace("_", " ")),
        ("verdict", found.verdict.value.replace("_", " ")),
        ("fingerprint", found.fingerprint),
        ("decided by", found.decided_by.replace("_", " ")),
        ("reason", found.reason.value if found.reason else ""),
        ("since", at(found.since) if found.since else ""),
        ("by", found.by or ""),
    ]
    print_fields((name, value) for name, value in fields if value)
    click.echo(f"\n{printable(found.sentence)}")
    if found.steps:
        click.echo()
        rows = [
            (step.check.replace("_", " "), step.outcome.value.replace("_", " "), step.sentence)
            for step in found.steps
        ]
        print_table(("check", "outcome", "what"), rows, empty="")
