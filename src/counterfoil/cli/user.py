"""``counterfoil user``: people who can sign in."""

import sys
from typing import TYPE_CHECKING

import click

from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import Failure, at, print_fields, print_table

if TYPE_CHECKING:
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.protocol.revocation import Ending
    from counterfoil.server.records.store import Transaction
    from counterfoil.server.records.user import User


@click.group()
def user() -> None:
    """People who can sign in."""


@user.command("add")
@click.argument("email")
@click.option("--name", help="The name that apps may be told.")
@click.option("--admin", is_flag=True, help="An administrator.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@installation
def add(
    call: Invocation, email: str, name: str | None, *, admin: bool, password_stdin: bool
) -> None:
    """Add a person. Asks for the password twice, hidden."""
    from counterfoil.cli.people import document_of
    from counterfoil.server.identity.passwords import Passwords
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.registration import NewUser, add_user

    password = _password(from_stdin=password_stdin)

    async def action(authority: "Authority") -> "User":
        passwords = Passwords(1)
        try:
            new = NewUser(email, await passwords.hash(password), name, admin)
        finally:
            passwords.close()

        async def work(tx: "Transaction") -> "User":
            if await tx.users.find_by_email(email) is not None:
                raise Failure(f"the e-mail {email} is taken")
            return await add_user(tx, new, CLI)

        return await authority.store.transact(work)

    document = document_of(call.run(action, makes=True))
    fields = (("id", document.id), ("email", document.email), ("name", document.name or ""))
    kind = "administrator" if document.is_admin else "user"
    call.show(document, lambda: print_fields((*fields, ("kind", kind))))


def _password(*, from_stdin: bool) -> str:
    """Read a password; from standard input it is the first line, without its end."""
    if from_stdin:
        line = sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r")
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise Failure("the password is not valid UTF-8") from None
    given: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return given


@user.command("list")
@installation
def list_users(call: Invocation) -> None:
    """List the people."""
    from counterfoil.cli.people import UserList, document_of

    async def work(tx: "Transaction") -> "list[User]":
        return await tx.users.every()

    document = UserList(users=tuple(map(document_of, call.read(work))))
    rows = [
        (
            each.id,
            each.email,
            each.name or "",
            "disabled" if each.disabled_at else "administrator" if each.is_admin else "user",
            at(each.created_at),
        )
        for each in document.users
    ]
    headers = ("id", "email", "name", "kind", "added")
    call.show(document, lambda: print_table(headers, rows, empty="There are no users."))


@user.command("disable", context_settings=takes_id())
@click.argument("email")
@installation
def disable(call: Invocation, email: str) -> None:
    """Disable an account and end every session and token of it."""
    from counterfoil.cli.endings import document_of, tell_ending
    from counterfoil.cli.people import find_person
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.revocation import disable_user

    async def work(tx: "Transaction") -> "Ending":
        return await disable_user(tx, (await find_person(tx, email)).id, CLI)

    document = document_of(call.change(work))
    call.show(document, lambda: tell_ending(f"The account {email} is disabled.", document))
