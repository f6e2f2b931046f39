"""``counterfoil user``: people who can sign in."""

import sys
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import click

from counterfoil.cli.endings import Change, end, make, refused
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import Failure, at, print_fields, print_table
from counterfoil.cli.receipts import AT_ONCE, Manner, ending_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.protocol.endings import Ending, Target
    from counterfoil.server.protocol.events import Actor
    from counterfoil.server.records.linked_identity import LinkedIdentity
    from counterfoil.server.records.store import Transaction
    from counterfoil.server.records.user import User

T = TypeVar("T")


@click.group()
def user() -> None:
    """People who can sign in."""


@user.command("add")
@click.argument("email")
@click.option("--name", help="The name that apps may be told.")
@click.option("--admin", is_flag=True, help="An administrator.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--invite", is_flag=True, help="Send them a link by which they make it theirs.")
@installation
def add(call: Invocation, /, email: str, name: str | None, **how: bool) -> None:
    """Add a person. Asks for the password twice, hidden, unless they are invited."""
    from counterfoil.server.documents.users import document_of
    from counterfoil.server.identity import joining
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.registration import NewUser, add_user

    if how["invite"] and how["password_stdin"]:
        raise Failure("--invite and --password-stdin do not go together")
    hashed = None if how["invite"] else _hashed(_password(from_stdin=how["password_stdin"]))
    new = NewUser(email, hashed, name, how["admin"])

    async def work(authority: "Authority", tx: "Transaction") -> "User":
        if await tx.users.find_by_email(email) is not None:
            raise Failure(f"the e-mail {email} is taken")
        added = await add_user(tx, new, CLI)
        if how["invite"]:
            await joining.invite(authority, tx, added, CLI)
        return added

    document = document_of(_changed_by(call, work, makes=True))
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
    from counterfoil.server.documents.users import UserDocument, UserList, described

    async def work(tx: "Transaction") -> list[UserDocument]:
        return [await described(tx, each) for each in await tx.users.every()]

    document = UserList(users=tuple(call.read(work)))
    rows = [
        (
            each.id,
            each.email,
            each.name or "",
            "disabled" if each.disabled_at else "administrator" if each.is_admin else "user",
            "on" if each.second_factor else "",
            at(each.created_at),
        )
        for each in document.users
    ]
    headers = ("id", "email", "name", "kind", "second factor", "added")
    call.show(document, lambda: print_table(headers, rows, empty="There are no users."))


@user.command("end", context_settings=takes_id())
@click.argument("email")
@ending_options
@installation
def end_everything(call: Invocation, email: str, *, manner: Manner) -> None:
    """End every session and token of a person; the account and the permissions stay."""

    async def find(tx: "Transaction") -> "Target":
        from counterfoil.server.protocol.endings import Ends, Target

        return Target(Ends.USER, await _id_of(tx, email))

    end(call, find, f"Everything of {email}", manner)


@user.command("set-password", context_settings=takes_id())
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@ending_options
@installation
def set_password(call: Invocation, email: str, *, password_stdin: bool, manner: Manner) -> None:
    """Give a person another password, and end every session and token of theirs."""
    from counterfoil.server.identity import recovery
    from counterfoil.server.protocol import registration
    from counterfoil.server.protocol.events import CLI

    async def work(authority: "Authority", tx: "Transaction", user_id: str) -> "Ending":
        user = await tx.users.find(user_id)
        if user is not None:
            await recovery.tell_of_password(authority, tx, user)
        return await registration.set_password(tx, user_id, digest, CLI)

    find = partial(_id_of, named=email)
    call.read(find)
    digest = _hashed(_password(from_stdin=password_stdin))
    make(call, Change("password_set", find, work, f"{email} has another password."), manner)


@user.command("recover", context_settings=takes_id())
@click.argument("email")
@installation
def recover(call: Invocation, email: str) -> None:
    """Send a person a link to choose a new password. Nothing ends before they do."""
    from counterfoil.cli.people import find_person
    from counterfoil.server.documents.users import UserDocument, described
    from counterfoil.server.identity import recovery
    from counterfoil.server.protocol.events import CLI

    async def work(authority: "Authority", tx: "Transaction") -> UserDocument:
        found = await find_person(tx, email)
        await recovery.start(authority, tx, found, CLI)
        return await described(tx, found)

    document = _changed_by(call, work)
    sentence = f"{document.email} is sent a link to choose a new password."
    call.show(document, lambda: click.echo(sentence))


@user.command("invite", context_settings=takes_id())
@click.argument("email")
@installation
def invite(call: Invocation, email: str) -> None:
    """Send a person who has no password yet another link; the one before ends."""
    from counterfoil.cli.people import find_person
    from counterfoil.server.documents.users import document_of
    from counterfoil.server.identity import joining
    from counterfoil.server.protocol.events import CLI

    async def work(authority: "Authority", tx: "Transaction") -> "User":
        found = await find_person(tx, email)
        await joining.invite(authority, tx, found, CLI)
        return found

    document = document_of(_changed_by(call, work))
    call.show(document, lambda: click.echo(f"{document.email} is invited."))


@user.command("verify", context_settings=takes_id())
@click.argument("email")
@ending_options
@installation
def verify(call: Invocation, email: str, *, manner: Manner) -> None:
    """Vouch that the address is the person's: apps are told so. Nothing ends."""
    from counterfoil.cli.people import find_person
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.profile import vouch_for_email

    async def work(_: "Authority", tx: "Transaction", user_id: str) -> "Ending":
        return await vouch_for_email(tx, await find_person(tx, user_id), CLI)

    find = partial(_id_of, named=email)
    make(call, Change("user_data_changed", find, work, f"{email} is verified."), manner)


@user.command("reset-second-factor", context_settings=takes_id())
@click.argument("email")
@ending_options
@installation
def reset_second_factor(call: Invocation, email: str, *, manner: Manner) -> None:
    """Take a person's second factor away, and end every session and token of theirs."""
    from counterfoil.server.identity import factor_change
    from counterfoil.server.protocol.events import CLI

    async def work(authority: "Authority", tx: "Transaction", user_id: str) -> "Ending":
        return await factor_change.reset(authority, tx, user_id, CLI)

    find = partial(_id_of, named=email)
    said = f"{email} signs in without a second factor."
    make(call, Change("second_factor_reset", find, work, said), manner)


@user.command("disable", context_settings=takes_id())
@click.argument("email")
@ending_options
@installation
def disable(call: Invocation, email: str, *, manner: Manner) -> None:
    """Disable an account, and end every session and token of it."""
    from counterfoil.server.protocol.revocation import disable_user

    work = _by_command(disable_user)

    find = partial(_id_of, named=email)
    make(call, Change("user_disabled", find, work, f"The account {email} is disabled."), manner)


@user.command("delete", context_settings=takes_id())
@click.argument("email")
@ending_options
@installation
def delete(call: Invocation, email: str, *, manner: Manner) -> None:
    """Delete an account for good: everything ends, and the person is erased from the audit log.

    Files of the log that were exported are erased in by `counterfoil audit erase`.
    """
    from counterfoil.server.identity.upstream_tokens import give_back_by_command
    from counterfoil.server.opening import REAL
    from counterfoil.server.protocol.account_deletion import delete_account
    from counterfoil.server.protocol.events import CLI

    linked: list[LinkedIdentity] = []

    async def work(_: "Authority", tx: "Transaction", user_id: str) -> "Ending":
        from counterfoil.oauth.errors import OAuthError

        linked[:] = await tx.identities.of_user(user_id)
        try:
            return await delete_account(tx, user_id, CLI)
        except OAuthError as error:
            raise refused(error.description) from None

    async def after(authority: "Authority") -> None:
        await give_back_by_command(authority, linked, REAL.clock)

    find = partial(_id_of, named=email)
    make(call, Change("user_deleted", find, work, "The account is deleted.", after), manner)


@user.command("enable", context_settings=takes_id())
@click.argument("email")
@installation
def enable(call: Invocation, email: str) -> None:
    """Let a disabled person sign in again. Nothing that has ended comes back."""
    from counterfoil.server.protocol.registration import enable_user

    work = _by_command(enable_user)

    find = partial(_id_of, named=email)
    make(call, Change("user_enabled", find, work, f"The account {email} is enabled."), AT_ONCE)


@user.command("changed", context_settings=takes_id())
@click.argument("email")
@ending_options
@installation
def changed(call: Invocation, email: str, *, manner: Manner) -> None:
    """Let guards load anew what they know of a person. Nothing ends."""
    from counterfoil.server.protocol.changed_data import tell

    work = _by_command(tell)

    find = partial(_id_of, named=email)
    said = f"Guards know that {email} has changed."
    make(call, Change("user_data_changed", find, work, said), manner)


def _by_command(
    act: "Callable[[Transaction, str, Actor], Awaitable[Ending]]",
) -> "Callable[[Authority, Transaction, str], Awaitable[Ending]]":
    """Give what does something to a person, in the name of the command line."""
    from counterfoil.server.protocol.events import CLI

    async def work(_: "Authority", tx: "Transaction", user_id: str) -> "Ending":
        return await act(tx, user_id, CLI)

    return work


def _changed_by(
    call: Invocation,
    work: "Callable[[Authority, Transaction], Awaitable[T]]",
    *,
    makes: bool = False,
) -> T:
    """Run a work that needs the authority, too, and commit it."""
    return call.run(
        lambda authority: authority.store.transact(partial(work, authority)), makes=makes
    )


async def _id_of(tx: "Transaction", named: str) -> str:
    from counterfoil.cli.people import find_person

    return (await find_person(tx, named)).id


def _hashed(password: str) -> str:
    import asyncio

    from counterfoil.server.identity.passwords import PasswordRefused, Passwords

    passwords = Passwords(1)
    try:
        return asyncio.run(passwords.hash(password))
    except PasswordRefused as error:
        raise Failure(str(error)) from None
    finally:
        passwords.close()
