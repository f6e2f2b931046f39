"""``counterfoil api``: the APIs that tokens are for, and their scopes (RFC 8707 §2)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from counterfoil.cli.endings import end, named, yes_option
from counterfoil.cli.invocation import Invocation, installation
from counterfoil.cli.output import Failure, print_fields, print_table

if TYPE_CHECKING:
    from counterfoil.server.records.api import Api
    from counterfoil.server.records.store import Transaction


@click.group()
def api() -> None:
    """APIs that tokens are for, with their scopes."""


@api.command("add")
@click.argument("uri")
@click.option("--name", help="What people are told it is. Default: its URI.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="NAME=DESCRIPTION",
    help="A scope, and in plain words what it allows; may be repeated.",
)
@click.option(
    "--token-lifetime",
    type=click.IntRange(1, 30 * 24 * 60 * 60),
    metavar="SECONDS",
    help="How long its access tokens live. Default: the setting access_token_lifetime.",
)
@installation
def add(
    call: Invocation,
    uri: str,
    name: str | None,
    scopes: tuple[str, ...],
    token_lifetime: int | None,
) -> None:
    """Register an API by its identifier, the audience of its tokens."""
    from counterfoil.cli.api_documents import document_of
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.registration import add_api
    from counterfoil.server.records.api import Api

    described = _described(scopes)

    async def work(tx: "Transaction") -> "Api":
        new = Api(
            uri=uri,
            name=name or uri,
            created_at=tx.now,
            scopes=described,
            token_lifetime=token_lifetime,
        )
        if await tx.apis.find(uri) is not None:
            raise Failure(f"the API {uri} is registered already")
        await add_api(tx, new, CLI)
        return new

    document = document_of(call.change(work, makes=True))
    lines = (("uri", document.uri), ("name", document.name), *document.scopes.items())
    call.show(document, lambda: print_fields(lines))


def _described(scopes: tuple[str, ...]) -> Mapping[str, str]:
    described: dict[str, str] = {}
    for scope in scopes:
        name, equals, description = scope.partition("=")
        if not (name and equals and description.strip()):
            raise click.UsageError(f"--scope {scope}: write NAME=DESCRIPTION")
        if name in described:
            raise click.UsageError(f"--scope {name} is given twice")
        described[name] = description.strip()
    return described


@api.command("list")
@installation
def list_apis(call: Invocation) -> None:
    """List the APIs."""
    from counterfoil.cli.api_documents import ApiList, document_of

    async def work(tx: "Transaction") -> "list[Api]":
        return await tx.apis.every()

    document = ApiList(apis=tuple(map(document_of, call.read(work))))
    rows = [
        (each.uri, each.name, " ".join(each.scopes), str(each.token_lifetime or "default"))
        for each in document.apis
    ]
    headers = ("uri", "name", "scopes", "token lifetime")
    call.show(document, lambda: print_table(headers, rows, empty="There are no APIs."))


@api.command("end")
@click.argument("uri")
@yes_option
@installation
def end_tokens(call: Invocation, uri: str, *, yes: bool) -> None:
    """End every token for an API, whoever holds it. Nobody is signed out."""
    end(call, named("api", uri), f"Every token for {uri}", yes=yes)
