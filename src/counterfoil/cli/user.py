"""``counterfoil user``: people who can sign in."""

from functools import partial
from typing import TYPE_CHECKING

import click

from counterfoil.cli.endings import Change, end, make, refused
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import at, print_table
from counterfoil.cli.receipts import AT_ONCE, Manner, ending_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from counterfoil.server.documents.users import UserDocument
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.protocol.endings import Ending, Target
    from counterfoil.server.protocol.events import Actor
    from counterfoil.server.records.linked_identity import LinkedIdentity
    from counterfoil.server.records.store import Transaction


@click.group()
def user() -> None:
    """People who can sign in."""


@user.command("add")
@click.argument("email")
@click.option("--name", help="The name that apps may be told.")
@click.option("--admin", is_flag=True, help="An administrator.")
@installation
def add(call: Invocation, email: str, name: str | None, *, admin: bool) -> None:
    """Add a person. They choose their password by a link, which is mailed, or else printed."""
    from counterfoil.cli import user_links
    from counterfoil.server.protocol.registration import NewUser

    document = user_links.add(call, NewUser(email, name=name, is_admin=admin))
    call.show(document, lambda: user_links.tell_added(document))


@user.command("claim")
@click.argument("link")
@click.option("--name", default="", help="What they are called; default: as they were added.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@installation
def claim(call: Invocation, link: str, name: str, *, password_stdin: bool) -> None:
    """Choose the first password of an account by its LINK, as the page of the link does.

    LINK is - where the link stands in the first line of standard input.
    """
    from counterfoil.cli import user_links

    email = user_links.claim(call, link, name=name, from_stdin=password_stdin)
    call.show({"email": email}, lambda: click.echo(f"{email} can sign in."))


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
            ", ".join(_second_steps(each)),
            at(each.created_at),
        )
        for each in document.users
    ]
    headers = ("id", "email", "name", "kind", "second factor", "added")
    call.show(document, lambda: print_table(headers, rows, empty="There are no users."))


def _second_steps(person: "UserDocument") -> "Iterator[str]":
    if person.second_factor:
        yield "on"
    if person.mailed_codes:
        yield "codes by mail"


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


@user.command("end-password", context_settings=takes_id())
@click.argument("email")
@ending_options
@installation
def end_password(call: Invocation, email: str, *, manner: Manner) -> None:
    """End a person's password, and every session and token of theirs. They choose another."""
    from counterfoil.cli import user_links

    find = partial(user_links.whose_password, named=email)
    said = f"Nobody signs in by the password of {email} any more."
    make(call, Change("password_ended", find, user_links.end_password, said), manner)


@user.command("recover", context_settings=takes_id())
@click.argument("email")
@installation
def recover(call: Invocation, email: str) -> None:
    """Send a person a link to choose a new password. Nothing ends before they do.

    Where no mail is sent the link is printed, for you to hand over.
    """
    from counterfoil.cli import user_links

    document = user_links.recover(call, email)
    mailed = f"{document.email} is sent a link to choose a new password."
    call.show(document, lambda: document.tell(mailed))


@user.command("invite", context_settings=takes_id())
@click.argument("email")
@installation
def invite(call: Invocation, email: str) -> None:
    """Give a person who has not come yet another link; the one before ends."""
    from counterfoil.cli import user_links

    document = user_links.invite(call, email)
    call.show(document, lambda: document.tell(f"{document.email} is invited."))


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


async def _id_of(tx: "Transaction", named: str) -> str:
    from counterfoil.cli.people import find_person

    return (await find_person(tx, named)).id
