"""Taking for a token that was exchanged: of what it may do itself, and of what it came of (S12).

It draws on the allowance of the token behind it, and so on to the first: all that came of one token
may together do no more than that one. Of each as much is taken, or of none.
"""

from base64 import urlsafe_b64encode
from functools import partial
from hashlib import sha256

from msgspec.structs import replace

from counterfoil.oauth.delegation import MOST_PARENTS
from counterfoil.server.records.allowance import Allowance, Outcome, Return, Take, Taken
from counterfoil.server.records.store import Transaction


class NotTaken(Exception):
    """Of one there was not enough, so of none is taken. To be raised within an attempt."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


async def line_of(tx: Transaction, own: Allowance) -> tuple[str, ...]:
    """Name the tokens of whose allowances is taken, by ``jti``: the first of all, … , its own.

    Whoever takes of several asks in this order, so that no two wait for one another in a circle.
    """
    line, behind = [own.marks.jti], own.draws_on
    while behind and len(line) <= MOST_PARENTS:
        line.append(behind)
        found = await tx.allowances.find(behind, own.name)
        behind = found.draws_on if found else ""
    return tuple(reversed(line))


async def seen(tx: Transaction, own: Allowance) -> Allowance:
    """Give an allowance with what is really left of it: no more than of any that it draws on."""
    left = own.left
    for jti in (await line_of(tx, own))[:-1]:
        found = await tx.allowances.find(jti, own.name)
        left = min(left, found.left if found else 0)
    return replace(own, taken=own.total - left)


async def take(tx: Transaction, line: tuple[str, ...], asked: Take) -> Taken:
    """Take of an allowance and of all in its line: the amount of each, or the least of each.

    What lies between the two is not tried where there is more than one: a guard that wanted more
    gets one after the other.
    """
    if len(line) == 1:
        return await tx.allowances.take(asked)
    taken = Taken(Outcome.USED_UP)
    for amount in dict.fromkeys((asked.amount, asked.least)):
        purpose = asked.purpose or f"{asked.amount}/{asked.least}"
        exact = replace(asked, amount=amount, least=amount, purpose=purpose)
        try:
            return await tx.attempt(partial(take_of_each, line=line, asked=exact))
        except NotTaken as error:
            taken = Taken(error.outcome)
    return taken


async def take_of_each(tx: Transaction, line: tuple[str, ...], asked: Take) -> Taken:
    """Take the same amount of each; ``left`` is the least that is left of any.

    Of an allowance that is not there any more nothing is left.

    Raises:
        NotTaken: there is one of which it cannot be had.
    """
    left = list[int]()
    for jti in line:
        taken = await tx.allowances.take(replace(asked, jti=jti, key=key_at(jti, asked)))
        if taken.outcome is not Outcome.GRANTED:
            raise NotTaken(taken.outcome)
        left.append(taken.left)
    return Taken(Outcome.GRANTED, asked.amount, min(left))


async def give_back(tx: Transaction, line: tuple[str, ...], back: Return) -> int:
    """Give back to each what was taken of it; says how much, 0 where it was given back before."""

    async def give_to_each(tx: Transaction) -> int:
        for jti in line:
            if not await tx.allowances.give_back(replace(back, jti=jti, key=key_at(jti, back))):
                raise NotTaken(Outcome.KEY_REUSED)
        return back.amount

    try:
        return await tx.attempt(give_to_each)
    except NotTaken:
        return 0


def key_at(jti: str, asked: Take | Return) -> str:
    """Give the key of a take at another token: the same key of two that draw on it is two."""
    if jti == asked.jti:
        return asked.key
    named = sha256(f"{asked.jti}|{asked.key}".encode()).digest()
    return urlsafe_b64encode(named).rstrip(b"=").decode("ascii")
