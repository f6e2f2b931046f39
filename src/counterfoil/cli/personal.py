"""``counterfoil personal``: tokens that people make by hand."""

from typing import TYPE_CHECKING

import click

from counterfoil.cli.endings import end, named
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import at, print_table
from counterfoil.cli.receipts import Manner, ending_options

if TYPE_CHECKING:
    from counterfoil.server.documents.personal_tokens import PersonalTokenDocument
    from counterfoil.server.records.store import Transaction


@click.group()
def personal() -> None:
    """Tokens that people make by hand."""


@personal.command("list")
@click.argument("user", metavar="EMAIL")
@installation
def list_tokens(call: Invocation, user: str) -> None:
    """List the tokens of a person, the newest first; those that have ended too, for a while."""
    from counterfoil.cli.people import find_person
    from counterfoil.server.documents.personal_tokens import PersonalTokenList, list_of

    async def work(tx: "Transaction") -> PersonalTokenList:
        return await list_of(tx, (await find_person(tx, user)).id)

    document = call.read(work)
    rows = [
        (each.id, each.name, each.audience, each.scope, at(each.expires_at), _standing(each))
        for each in document.personal_tokens
    ]
    headers = ("id", "name", "api", "scope", "until", "")
    call.show(document, lambda: print_table(headers, rows, empty="There are no personal tokens."))


def _standing(token: "PersonalTokenDocument") -> str:
    if token.ended_at is not None:
        return f"ended {at(token.ended_at)} ({token.ended_why})"
    return f"last used {at(token.last_used_at)}" if token.last_used_at is not None else "never used"


@personal.command("add")
@click.argument("user", metavar="EMAIL")
@click.option("--name", required=True, help="By which the person knows it again.")
@click.option("--api", "uri", required=True, metavar="URI", help="The API that it is for.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, help="What it may do. Again: more."
)
@click.option("--lifetime", type=click.IntRange(1), metavar="SECONDS", help="How long it lives.")
@click.option("--network", "networks", multiple=True, help="From where alone it is good.")
@installation
def add(call: Invocation, /, user: str, **wanted: object) -> None:
    """Make a token for a person and print it, this once."""
    from counterfoil.cli.personal_making import make_token

    document = make_token(call, user, wanted)
    call.show(document, document.tell)


@personal.command("end", context_settings=takes_id())
@click.argument("token_id", metavar="ID")
@ending_options
@installation
def end_token(call: Invocation, token_id: str, *, manner: Manner) -> None:
    """End a token by its id, which is its jti; the person's others stand."""
    end(call, named("personal_token", token_id), f"The personal token {token_id}", manner)
