"""Letting people in by the command line: by a link, with which they choose their password."""

import sys
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import click
from msgspec.structs import asdict

from counterfoil.cli.invocation import Invocation
from counterfoil.cli.output import Failure, print_fields
from counterfoil.cli.people import find_person
from counterfoil.oauth.opaque import Secret
from counterfoil.server.documents.users import UserDocument, described
from counterfoil.server.identity import joining, recovery
from counterfoil.server.identity.breached import BadList, Breached
from counterfoil.server.identity.joining import Joining
from counterfoil.server.identity.passwords import Passwords
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.registration import NewUser, add_user
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from counterfoil.server.protocol.events import Actor

    Start = Callable[[Authority, Transaction, User, Actor], Awaitable[str]]

T = TypeVar("T")
_HERE: Final = Origin("", "counterfoil user claim")


class LetInDocument(UserDocument, frozen=True, kw_only=True):
    """A person, and the link that lets them in; ``null`` where it was sent to them by mail."""

    link: str | None

    def tell(self, mailed: str) -> None:
        """Tell a person: the link, alone on stdout, or the sentence that it was mailed."""
        click.echo(self.link or mailed)
        if self.link:
            click.echo("Hand this link over: who opens it chooses the password. Once.", err=True)

    def __repr__(self) -> str:
        return "LetInDocument(…)"


def add(call: Invocation, new: NewUser) -> LetInDocument:
    """Add a person and invite them.

    Raises:
        Failure: the address is none, or taken, or the name cannot be shown.
    """

    async def work(authority: Authority, tx: Transaction) -> LetInDocument:
        if await tx.users.find_by_email(new.email) is not None:
            raise Failure(f"the e-mail {new.email} is taken")
        added = await add_user(tx, new, CLI)
        return await _linked(tx, added, await joining.invite_by_command(authority, tx, added, CLI))

    return _changed_by(call, work, makes=True)


def tell_added(document: LetInDocument) -> None:
    """Tell who was added, and how they come in."""
    kind = "administrator" if document.is_admin else "user"
    fields = (("id", document.id), ("email", document.email), ("name", document.name or ""))
    print_fields((*fields, ("kind", kind)))
    click.echo("")
    document.tell(f"{document.email} is sent a link to choose a password.")


def invite(call: Invocation, email: str) -> LetInDocument:
    """Invite a person again; the link before ends.

    Raises:
        Failure: there is no such person, or they need no invitation.
    """
    return _started(call, email, joining.invite_by_command)


def recover(call: Invocation, email: str) -> LetInDocument:
    """Start a recovery.

    Raises:
        Failure: there is no such person, or their account is disabled.
    """
    return _started(call, email, recovery.start_by_command)


def _started(call: Invocation, email: str, start: "Start") -> LetInDocument:
    async def work(authority: Authority, tx: Transaction) -> LetInDocument:
        found = await find_person(tx, email)
        return await _linked(tx, found, await start(authority, tx, found, CLI))

    return _changed_by(call, work)


async def _linked(tx: Transaction, user: User, link: str) -> LetInDocument:
    return LetInDocument(**asdict(await described(tx, user)), link=link or None)


async def whose_password(tx: Transaction, named: str) -> str:
    """Give the id of somebody who has a password.

    Raises:
        Failure: there is no such person, or they have none.
    """
    user = await find_person(tx, named)
    if not user.has_password:
        raise Failure(f"{user.email} has no password")
    return user.id


async def end_password(authority: Authority, tx: Transaction, user_id: str) -> Ending:
    """End a person's password; where mail is sent, they are sent a link to choose another."""
    user = await find_person(tx, user_id)
    ending = await registration.end_password(tx, user_id, CLI)
    if authority.settings.mail_host and user.is_enabled:
        await recovery.start(authority, tx, user, CLI)
    return ending


def claim(call: Invocation, link: str, *, name: str, from_stdin: bool) -> str:
    """Take an invitation up with a password, as its page does; gives the address.

    Raises:
        Failure: the link is not good, or the password is refused.
    """
    token = Secret((_line() if link == "-" else link).rpartition("token=")[2])
    wanted = Joining(token, name, Secret(_password(from_stdin=from_stdin)), _HERE)

    async def action(authority: Authority) -> str | None:
        breached = Breached(authority.settings.breached_passwords_file)
        try:
            breached.demand_usable()
        except BadList as error:
            raise Failure(f"breached_passwords_file: {error}") from None
        passwords = Passwords(1, breached=breached)
        try:
            return await joining.claim(authority, passwords, wanted)
        finally:
            passwords.close()

    email = call.run(action)
    if email is None:
        raise Failure("the link is not good, or is not any more")
    return email


def _password(*, from_stdin: bool) -> str:
    """Read a password; from standard input it is a line, without its end."""
    if from_stdin:
        return _line()
    given: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return given


def _line() -> str:
    line = sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise Failure("what was given is not valid UTF-8") from None


def _changed_by(
    call: Invocation,
    work: "Callable[[Authority, Transaction], Awaitable[T]]",
    *,
    makes: bool = False,
) -> T:
    return call.run(
        lambda authority: authority.store.transact(partial(work, authority)), makes=makes
    )
