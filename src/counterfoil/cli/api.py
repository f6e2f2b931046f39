"""``counterfoil api``: the APIs that tokens are for, and their scopes (RFC 8707 §2)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click

from counterfoil.cli.api_keys import api_key
from counterfoil.cli.endings import end, named
from counterfoil.cli.invocation import Invocation, installation
from counterfoil.cli.output import Failure, print_fields, print_table
from counterfoil.cli.policies import changes_in, in_words, policy_option
from counterfoil.cli.receipts import Manner, ending_options

if TYPE_CHECKING:
    from counterfoil.server.documents.apis import ApiDocument
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.records.api import Api
    from counterfoil.server.records.store import Transaction, Work

_LONGEST: Final = 30 * 24 * 60 * 60


@click.group()
def api() -> None:
    """APIs that tokens are for, with their scopes."""


api.add_command(api_key)


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
    type=click.IntRange(1, _LONGEST),
    metavar="SECONDS",
    help="How long its access tokens live. Default: the setting access_token_lifetime.",
)
@policy_option
@installation
def add(
    call: Invocation,
    uri: str,
    *,
    name: str | None,
    scopes: tuple[str, ...],
    token_lifetime: int | None,
    policies: tuple[str, ...],
) -> None:
    """Register an API by its identifier, the audience of its tokens."""
    from counterfoil.server.documents.apis import document_of
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.policies import with_changes
    from counterfoil.server.protocol.registration import add_api
    from counterfoil.server.records.api import Api
    from counterfoil.server.records.policy import ApiPolicy

    described, changes = _described(scopes), changes_in(policies)

    async def work(tx: "Transaction") -> "Api":
        new = Api(
            uri=uri,
            name=name or uri,
            created_at=tx.now,
            scopes=described,
            token_lifetime=token_lifetime,
            policy=with_changes(ApiPolicy(), changes),
        )
        if await tx.apis.find(uri) is not None:
            raise Failure(f"the API {uri} is registered already")
        await add_api(tx, new, CLI)
        return new

    document = document_of(call.run(lambda authority: _changed(authority, work), makes=True))
    call.show(document, lambda: _tell(document))


@api.command("update")
@click.argument("uri")
@click.option("--name", help="What people are told it is.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="NAME=DESCRIPTION",
    help="A scope to add, or to describe anew; may be repeated.",
)
@click.option(
    "--remove-scope",
    "removed",
    multiple=True,
    metavar="NAME",
    help="A scope to take away; may be repeated.",
)
@click.option(
    "--token-lifetime",
    type=click.IntRange(0, _LONGEST),
    metavar="SECONDS",
    help="How long its access tokens live; 0: as the setting access_token_lifetime says.",
)
@policy_option
@installation
def update(
    call: Invocation,
    uri: str,
    *,
    name: str | None,
    scopes: tuple[str, ...],
    removed: tuple[str, ...],
    token_lifetime: int | None,
    policies: tuple[str, ...],
) -> None:
    """Change an API. What is not given stays as it is."""
    from msgspec.structs import replace

    from counterfoil.server.documents.apis import document_of
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.policies import with_changes
    from counterfoil.server.protocol.registration import update_api

    described, changes = _described(scopes), changes_in(policies)

    async def work(tx: "Transaction") -> "Api":
        found = await tx.apis.find(uri)
        if found is None:
            raise Failure(f"there is no API {uri}")
        wanted = replace(
            found,
            name=found.name if name is None else name,
            scopes=_without(found.scopes, removed) | described,
            token_lifetime=found.token_lifetime
            if token_lifetime is None
            else token_lifetime or None,
            policy=with_changes(found.policy, changes),
        )
        return await update_api(tx, wanted, CLI) or found

    document = document_of(call.run(lambda authority: _changed(authority, work)))
    call.show(document, lambda: _tell(document))


async def _changed(authority: "Authority", work: "Work[Api]") -> "Api":
    """Change an API, and make the key that it asks for."""

    async def both(tx: "Transaction") -> "Api":
        changed = await work(tx)
        await authority.rotation.follow_apis(tx)
        return changed

    return await authority.store.transact(both)


def _without(scopes: Mapping[str, str], removed: tuple[str, ...]) -> dict[str, str]:
    unknown = set(removed) - set(scopes)
    if unknown:
        raise Failure(f"the API has no scope {min(unknown)}")
    return {name: text for name, text in scopes.items() if name not in removed}


def _tell(document: "ApiDocument") -> None:
    from counterfoil.server.documents.apis import UNDECIDED

    print_fields(
        (
            ("uri", document.uri),
            ("name", document.name),
            *document.scopes.items(),
            ("token lifetime", str(document.token_lifetime or "default")),
            ("policy", in_words(document.policy, UNDECIDED)),
        )
    )


def _described(scopes: tuple[str, ...]) -> dict[str, str]:
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
    from counterfoil.server.documents.apis import UNDECIDED, ApiList, document_of

    async def work(tx: "Transaction") -> "list[Api]":
        return await tx.apis.every()

    document = ApiList(apis=tuple(map(document_of, call.read(work))))
    rows = [
        (
            each.uri,
            each.name,
            " ".join(each.scopes),
            str(each.token_lifetime or "default"),
            in_words(each.policy, UNDECIDED),
        )
        for each in document.apis
    ]
    headers = ("uri", "name", "scopes", "token lifetime", "policy")
    call.show(document, lambda: print_table(headers, rows, empty="There are no APIs."))


@api.command("end")
@click.argument("uri")
@ending_options
@installation
def end_tokens(call: Invocation, uri: str, *, manner: Manner) -> None:
    """End every token for an API, whoever holds it. Nobody is signed out."""
    end(call, named("api", uri), f"Every token for {uri}", manner)
