"""How commands end things: say what will end, ask, end it, and print the receipt."""

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from counterfoil.cli.invocation import Invocation
from counterfoil.cli.output import Failure, counted, printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from counterfoil.server.documents.endings import EndingDocument
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.protocol.endings import Ending, Foreseen, Target
    from counterfoil.server.records.store import Transaction, Work

    Find = Callable[[Transaction], Awaitable[Target]]

_UNANSWERED: Final = "Nothing was done: where nobody can be asked, give --yes"


def yes_option(command: "Callable[..., None]") -> "Callable[..., None]":
    """Give a command ``--yes``."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(command)


def named(kind: str, name: str) -> "Find":
    """Give what finds a target by its kind and its id."""

    async def find(_: "Transaction") -> "Target":
        from counterfoil.server.protocol.endings import Ends, Target

        return Target(Ends(kind), name)

    return find


def end(call: Invocation, find: "Find", subject: str, *, yes: bool) -> None:
    """End what ``find`` gives; ``subject`` says of what is told afterwards that it has ended."""
    from counterfoil.server.documents.endings import document_of

    document = document_of(ended(call, find, yes=yes))
    call.show(document, lambda: tell_ending(f"{subject} has ended.", document))


def ended(call: Invocation, find: "Find", *, yes: bool) -> "Ending":
    """End what ``find`` gives, after saying what will end, and asking unless ``yes``.

    Raises:
        Failure: there is no such thing, or nobody could be asked.
    """
    from counterfoil.server.protocol import endings
    from counterfoil.server.protocol.events import CLI

    target = agreed(call, find, yes=yes)

    async def action(authority: "Authority") -> "Ending":
        return await authority.store.transact(
            lambda tx: endings.carry_out(authority, tx, target, CLI)
        )

    return call.run(action)


def agreed(call: Invocation, find: "Find", *, yes: bool) -> "Target":
    """Say what will end, and ask unless ``yes``, or unless nothing is left to end.

    Raises:
        Failure: there is no such thing, or nobody could be asked.
    """
    target, foreseen = _foreseen(call, find)
    if foreseen.nothing:
        click.echo(printable(foreseen.sentence), err=True)
    else:
        demand_yes(foreseen.sentence, yes=yes)
    return target


def _foreseen(call: Invocation, find: "Find") -> "tuple[Target, Foreseen]":
    from counterfoil.oauth.errors import OAuthError
    from counterfoil.server.protocol import endings

    async def action(authority: "Authority") -> "tuple[Target, Foreseen]":
        async def work(tx: "Transaction") -> "tuple[Target, Foreseen]":
            target = await find(tx)
            return target, await endings.foresee(authority, tx, target)

        try:
            return await authority.store.read(work)
        except OAuthError as error:
            raise refused(error.description) from None

    return call.run(action)


class Change(NamedTuple):
    """What ends things as its consequence: the ``Cause``, on whom, how, and what is said then."""

    cause: str
    find: "Work[str]"
    act: "Callable[[Transaction, str], Awaitable[Ending]]"
    said: str


def make(call: Invocation, change: Change, *, yes: bool) -> None:
    """Make a change after saying what will end by it, and asking where anything will."""
    from counterfoil.server.documents.endings import document_of
    from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause, Extent

    subject = call.read(change.find)
    consequence = CONSEQUENCES[Cause(change.cause)]
    demand_yes(consequence.sentence, yes=yes or consequence.extent is Extent.NOTHING)
    document = document_of(call.change(lambda tx: change.act(tx, subject)))

    def tell() -> None:
        click.echo(printable(change.said))
        tell_counts(document)

    call.show(document, tell)


def demand_yes(sentence: str, *, yes: bool) -> None:
    """Say what will end, and go on only with a yes: of the option, or of whoever is asked.

    Raises:
        Failure: nobody can be asked.
    """
    if not (yes or sys.stdin.isatty()):
        raise Failure(printable(f"{sentence} {_UNANSWERED}"))
    click.echo(printable(sentence), err=True)
    if not yes:
        click.confirm("Go on?", abort=True, err=True)


def refused(sentence: str) -> Failure:
    """Give a sentence of the protocol the form of a command's one line."""
    return Failure(printable(sentence[:1].lower() + sentence[1:].removesuffix(".")))


def tell_ending(subject: str, document: "EndingDocument") -> None:
    """Tell a person what was ended."""
    click.echo(printable(subject if document.ended else "Nothing was left to end."))
    tell_counts(document)


def tell_counts(document: "EndingDocument") -> None:
    """Tell how much has ended, and how far guards must have read to know of it."""
    ended_now = [
        counted(count, noun)
        for count, noun in (
            (document.sessions_ended, "session"),
            (document.families_ended, "family"),
        )
        if count
    ]
    if ended_now:
        click.echo(
            f"Ended: {', '.join(ended_now)} of tokens."
            if document.families_ended
            else f"Ended: {ended_now[0]}."
        )
    click.echo(f"Notice: {document.notice}")
