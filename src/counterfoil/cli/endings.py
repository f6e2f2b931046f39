"""How commands end things: say what will end, ask, end it, wait if wanted, print the receipt."""

import sys
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from counterfoil.cli.invocation import Invocation
from counterfoil.cli.output import Failure, counted, printable
from counterfoil.cli.receipts import Manner, guards_at, leave, tell_guards

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from counterfoil.server.documents.endings import EndingDocument
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.protocol.endings import Ending, Foreseen, Target
    from counterfoil.server.records.store import Transaction, Work

    Find = Callable[[Transaction], Awaitable[Target]]

_UNANSWERED: Final = "Nothing was done: where nobody can be asked, give --yes"


def named(kind: str, name: str) -> "Find":
    """Give what finds a target by its kind and its id."""

    async def find(_: "Transaction") -> "Target":
        from counterfoil.server.protocol.endings import Ends, Target

        return Target(Ends(kind), name)

    return find


def end(call: Invocation, find: "Find", subject: str, manner: Manner) -> None:
    """End what ``find`` gives; ``subject`` says of what is told afterwards that it has ended."""
    document = ended(call, find, manner)
    call.show(document, lambda: tell_ending(f"{subject} has ended.", document))
    leave(document.guards)


def ended(call: Invocation, find: "Find", manner: Manner) -> "EndingDocument":
    """End what ``find`` gives, after saying what will end, and asking unless it was agreed.

    Raises:
        Failure: there is no such thing, or nobody could be asked.
    """
    from counterfoil.server.protocol import endings
    from counterfoil.server.protocol.events import CLI

    target = agreed(call, find, yes=manner.yes)

    async def work(authority: "Authority", tx: "Transaction") -> "Ending":
        return await endings.carry_out(authority, tx, target, CLI)

    return call.run(partial(_received, work, manner))


async def _received(
    work: "Callable[[Authority, Transaction], Awaitable[Ending]]",
    manner: Manner,
    authority: "Authority",
) -> "EndingDocument":
    """End something, wait for the guards if that is wanted, and give the receipt."""
    from counterfoil.server.documents.endings import document_of

    ending = await authority.store.transact(partial(work, authority))
    return document_of(ending, await guards_at(authority, ending.position, manner.wait))


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
    """What ends things as its consequence: the ``Cause``, on whom, how, and what is said then.

    ``after``: what else is done when it is committed.
    """

    cause: str
    find: "Work[str]"
    act: "Callable[[Authority, Transaction, str], Awaitable[Ending]]"
    said: str
    after: "Callable[[Authority], Awaitable[None]] | None" = None


def make(call: Invocation, change: Change, manner: Manner) -> None:
    """Make a change after saying what will end by it, and asking where anything will."""
    from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause, Extent

    subject = call.read(change.find)
    consequence = CONSEQUENCES[Cause(change.cause)]
    demand_yes(consequence.sentence, yes=manner.yes or consequence.extent is Extent.NOTHING)

    async def work(authority: "Authority", tx: "Transaction") -> "Ending":
        return await change.act(authority, tx, subject)

    async def action(authority: "Authority") -> "EndingDocument":
        received = await _received(work, manner, authority)
        if change.after is not None:
            await change.after(authority)
        return received

    document = call.run(action)

    def tell() -> None:
        click.echo(printable(change.said))
        tell_counts(document)

    call.show(document, tell)
    leave(document.guards)


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
            (document.remembered_browsers_ended, "remembered browser"),
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
    tell_guards(document.guards)
