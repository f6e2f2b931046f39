"""``counterfoil provider``: other servers at which people sign in to come in here (S112)."""

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from counterfoil.cli.endings import demand_yes
from counterfoil.cli.invocation import Invocation, installation
from counterfoil.cli.output import Failure, at, counted, print_fields, print_table
from counterfoil.cli.policies import changes_in, in_words, policy_option

if TYPE_CHECKING:
    from counterfoil.oauth.opaque import Secret
    from counterfoil.server.documents.providers import ProviderDocument
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.protocol.providers import NewProvider, ProviderChanges
    from counterfoil.server.records.store import Transaction


@click.group()
def provider() -> None:
    """Other servers at which people sign in to come in here."""


@provider.command("add")
@click.argument("preset", metavar="PRESET")
@click.option("--client-id", required=True, help="What we are called there.")
@click.option("--secret-stdin", is_flag=True, help="Read our secret there from standard input.")
@click.option("--id", "provider_id", default="", help="Its word in our addresses.")
@click.option("--name", default="", help="What stands on its button.")
@click.option("--issuer", default="", metavar="URL", help="Its issuer identifier.")
@policy_option
@installation
def add(
    call: Invocation,
    preset: str,
    client_id: str,
    *,
    secret_stdin: bool,
    provider_id: str,
    name: str,
    issuer: str,
    policies: tuple[str, ...],
) -> None:
    """Add a provider by PRESET: google, github, microsoft, counterfoil, or oidc for any other."""
    from counterfoil.server.protocol.providers import NewProvider

    new = NewProvider(
        preset=preset,
        client_id=client_id,
        client_secret=_secret(from_stdin=secret_stdin),
        id=provider_id,
        name=name,
        issuer=issuer,
        policy=changes_in(policies),
    )
    document = call.run(partial(_added, new), makes=True)
    call.show(document, lambda: _tell(document))


async def _added(new: "NewProvider", authority: "Authority") -> "ProviderDocument":
    from counterfoil.server.documents.providers import document_of
    from counterfoil.server.protocol import providers
    from counterfoil.server.protocol.events import CLI

    async def work(tx: "Transaction") -> "ProviderDocument":
        added = await providers.add(tx, authority.upstream, new, CLI)
        return await document_of(tx, authority.issuer, added)

    return await authority.store.transact(work)


@provider.command("list")
@installation
def list_providers(call: Invocation) -> None:
    """List the providers."""
    from counterfoil.server.documents.providers import documents

    issuer = call.settings().issuer
    document = call.read(lambda tx: documents(tx, issuer))
    rows = [
        (
            each.id,
            each.name,
            each.issuer,
            "disabled" if each.disabled_at else "enabled",
            str(each.people),
        )
        for each in document.providers
    ]
    headers = ("id", "name", "issuer", "state", "people")
    call.show(document, lambda: print_table(headers, rows, empty="There are no providers."))


@provider.command("show")
@click.argument("provider_id")
@installation
def show(call: Invocation, provider_id: str) -> None:
    """Show a provider, and what has to be registered there."""
    document = _shown(call, provider_id)
    call.show(document, lambda: _tell(document))


def _shown(call: Invocation, provider_id: str) -> "ProviderDocument":
    issuer = call.settings().issuer

    async def work(tx: "Transaction") -> "ProviderDocument":
        from counterfoil.server.documents.providers import document_of

        found = await tx.providers.find(provider_id)
        if found is None:
            raise _unknown(provider_id)
        return await document_of(tx, issuer, found)

    return call.read(work)


def _unknown(provider_id: str) -> Failure:
    return Failure(f"there is no provider {provider_id}")


@provider.command("update")
@click.argument("provider_id")
@click.option("--name", help="What stands on its button.")
@click.option("--client-id", help="What we are called there.")
@click.option("--secret-stdin", is_flag=True, help="Read another secret from standard input.")
@policy_option
@installation
def update(
    call: Invocation,
    provider_id: str,
    *,
    name: str | None,
    client_id: str | None,
    secret_stdin: bool,
    policies: tuple[str, ...],
) -> None:
    """Change a provider. What is not given stays."""
    from counterfoil.server.protocol.providers import ProviderChanges

    changes = ProviderChanges(
        name=name,
        client_id=client_id,
        client_secret=_secret(from_stdin=True) if secret_stdin else None,
        policy=changes_in(policies),
    )
    _change(call, provider_id, changes)


@provider.command("disable")
@click.argument("provider_id")
@installation
def disable(call: Invocation, provider_id: str) -> None:
    """Let nobody come in by a provider. Who is signed in stays so, and links stay."""
    from counterfoil.server.protocol.providers import ProviderChanges

    _change(call, provider_id, ProviderChanges(disabled=True))


@provider.command("enable")
@click.argument("provider_id")
@installation
def enable(call: Invocation, provider_id: str) -> None:
    """Let people come in by a provider again."""
    from counterfoil.server.protocol.providers import ProviderChanges

    _change(call, provider_id, ProviderChanges(disabled=False))


def _change(call: Invocation, provider_id: str, changes: "ProviderChanges") -> None:
    async def action(authority: "Authority") -> "ProviderDocument":
        async def work(tx: "Transaction") -> "ProviderDocument":
            from counterfoil.server.documents.providers import document_of
            from counterfoil.server.protocol import providers
            from counterfoil.server.protocol.events import CLI

            asked = changes, CLI
            changed = await providers.change(tx, authority.upstream, provider_id, asked)
            if changed is None:
                raise _unknown(provider_id)
            return await document_of(tx, authority.issuer, changed)

        return await authority.store.transact(work)

    document = call.run(action)
    call.show(document, lambda: _tell(document))


@provider.command("remove")
@click.argument("provider_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@installation
def remove(call: Invocation, provider_id: str, *, yes: bool) -> None:
    """Remove a provider, with every link to it: who has no other way in can come in no more."""
    found = _shown(call, provider_id)
    links = counted(found.people, "linked account")
    demand_yes(f"The provider {provider_id} goes, with {links}.", yes=yes)

    async def work(tx: "Transaction") -> bool:
        from counterfoil.server.protocol import providers
        from counterfoil.server.protocol.events import CLI

        return await providers.remove(tx, provider_id, CLI)

    call.change(work)
    call.show(found, lambda: click.echo(f"The provider {provider_id} is removed."))


def _secret(*, from_stdin: bool) -> "Secret":
    """Read our secret at a provider; from standard input it is the first line."""
    from counterfoil.oauth.opaque import Secret

    if not from_stdin:
        return Secret(click.prompt("Client secret", hide_input=True, err=True))
    line = sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r")
    return Secret(line.decode())


def _tell(document: "ProviderDocument") -> None:
    policy = in_words(document.policy, {})
    print_fields(
        (
            ("id", document.id),
            ("name", document.name),
            ("issuer", document.issuer),
            ("client_id", document.client_id),
            ("redirect_uri", document.redirect_uri),
            ("policy", policy),
            ("people", str(document.people)),
            ("disabled", at(document.disabled_at)),
        )
    )
