"""Taking of what limited tokens may still do, and giving back: for guards, in batches (S15, S54).

A guard takes for the tokens of its own API alone, and only while they stand: a token that was ended
is refused here, too, however far its guard is behind.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from msgspec import Struct

from counterfoil.oauth.allowances import (
    Answered,
    Spending,
    Spent,
    Unused,
    Wanted,
    WantedAct,
    WrongSpending,
    spending_from,
)
from counterfoil.oauth.errors import invalid_request, invalid_target, sayable
from counterfoil.oauth.limits import count_name, sum_name
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import client_authentication, drawing
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.client_authentication import AuthenticatedClient, Credentials
from counterfoil.server.records.allowance import Allowance, Outcome, Return, Take
from counterfoil.server.records.client import SPEND
from counterfoil.server.records.store import Transaction


async def spend(authority: Authority, body: bytes, authorization: str | None) -> Spent:
    """Take and give back, each entry for itself, in one transaction.

    Raises:
        OAuthError: ``invalid_client`` (401), ``insufficient_scope`` (403), ``invalid_request``
            with what is wrong and where, or ``invalid_target``: not an API of this guard's.
        StoreUnavailable: nothing was taken, unless the answer was lost: the guard asks again with
            the same keys.
    """
    credentials = await client_authentication.credentials_of_header(authority, authorization)
    await authority.store.read(partial(_demand_guard, credentials=credentials))
    spending = _read(body)
    await authority.hub.catch_up()

    async def work(tx: Transaction) -> Spent:
        guard = await _demand_guard(tx, credentials)
        client = guard.client
        if await tx.apis.find(spending.audience) is None or not client.guards(spending.audience):
            raise invalid_target("There is no API of this audience that this client may guard.")
        authority.activity.note_secret(guard.secret_id, tx.now)
        return await _done(authority, tx, spending, client.client_id)

    return await authority.store.transact(work, beside=True)


async def _demand_guard(tx: Transaction, credentials: Credentials) -> AuthenticatedClient:
    guard = await client_authentication.authenticate(tx, credentials)
    client_authentication.demand_right(guard.client, SPEND)
    return guard


def _read(body: bytes) -> Spending:
    try:
        return spending_from(body)
    except WrongSpending as error:
        raise invalid_request(f"Nothing is taken: {sayable(str(error))}.") from None


async def _done(authority: Authority, tx: Transaction, spending: Spending, taker: str) -> Spent:
    """Do all in one order, whoever asks, so that no two requests wait for one another in a circle.

    It is that of the first token that each draws on. Of one allowance what is given back comes
    first: it may be what another entry asks for.
    """
    answers: dict[int, Answered] = {}
    returned: dict[int, int] = {}
    asker = _Asker(authority, spending.audience, taker)
    entries: list[tuple[int, Wanted | Unused]] = [*enumerate(spending.returns)]
    entries += enumerate(spending.takes)
    found = await _found(tx, {(each.jti, each.name) for _, each in entries})
    for number, each in sorted(entries, key=lambda entry: found[entry[1].jti, entry[1].name].first):
        own = found[each.jti, each.name]
        if isinstance(each, Unused):
            returned[number] = await _given_back(asker, tx, each, own)
        else:
            answers[number] = await _answered(asker, tx, each, own)
    takes = tuple(answers[number] for number in range(len(answers)))
    acts = await _all_acted(asker, tx, spending.acts)
    return Spent(takes, tuple(returned[number] for number in range(len(returned))), acts)


class _Found(Struct, frozen=True):
    """What is asked for by name: its allowance, if there is one, and the line that it draws on.

    How much is left of it is not to be gone by: that the taking says.
    """

    name: str
    line: tuple[str, ...]
    allowance: Allowance | None

    @property
    def first(self) -> tuple[str, str]:
        """The first of its line, for which whoever takes of any in it waits."""
        return self.line[0], self.name


async def _found(
    tx: Transaction, named: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], _Found]:
    """Look up once what is asked for, however often it is."""
    found = dict[tuple[str, str], _Found]()
    for jti, name in named:
        own = await tx.allowances.find(jti, name)
        line = (jti,) if own is None else await drawing.line_of(tx, own)
        found[jti, name] = _Found(name, line, own)
    return found


class _Asker(Struct, frozen=True):
    """The guard that asks, ``taker``, and the API that it guards."""

    authority: Authority
    audience: str
    taker: str

    def refusal_of(self, tx: Transaction, allowance: Allowance | None) -> Answered | None:
        """Say why nothing can be taken of it, whatever is left; ``None`` where something can."""
        if allowance is None or allowance.marks.audience != self.audience:
            return Answered(0, refused=Reason.NOT_REGISTERED)
        if tx.now >= allowance.expires_at:
            return Answered(0, refused=Reason.EXPIRED)
        reason = self.authority.hub.revocations.rejects(allowance.marks, tx.now)
        return None if reason is None else Answered(0, refused=reason)


async def _given_back(asker: _Asker, tx: Transaction, unused: Unused, found: _Found) -> int:
    allowance = found.allowance
    if allowance is None or allowance.marks.audience != asker.audience:
        return 0
    which = unused.jti, unused.name, unused.key
    return await drawing.give_back(tx, found.line, Return(*which, asker.taker, unused.amount))


async def _answered(asker: _Asker, tx: Transaction, wanted: Wanted, found: _Found) -> Answered:
    refusal = asker.refusal_of(tx, found.allowance)
    if refusal is not None:
        return refusal
    least = wanted.amount if wanted.least is None else wanted.least
    which = wanted.jti, wanted.name, wanted.key
    taken = await drawing.take(tx, found.line, Take(*which, asker.taker, wanted.amount, least))
    if taken.outcome is Outcome.GRANTED:
        return Answered(taken.granted, taken.left)
    return Answered(0, refused=taken.outcome)


async def _all_acted(
    asker: _Asker, tx: Transaction, acts: Sequence[WantedAct]
) -> tuple[Answered, ...]:
    answers: dict[int, Answered] = {}
    found = await _found(tx, {(act.jti, name) for act in acts for name in _names_of(act)})
    of_each = [_counted(act, found) for act in acts]
    in_order = sorted(range(len(acts)), key=lambda number: [each.first for each in of_each[number]])
    for number in in_order:
        answers[number] = await _acted(asker, tx, acts[number], of_each[number])
    return tuple(answers[number] for number in range(len(answers)))


def _names_of(act: WantedAct) -> tuple[str, str]:
    return count_name(act.action, act.unit), sum_name(act.action, act.unit)


def _counted(act: WantedAct, found: Mapping[tuple[str, str], _Found]) -> list[_Found]:
    """Give what is counted of a transaction, the longer line first.

    Its first is then the same for all that came of one token, though some of them count more: it
    is what they wait for.
    """
    named = [found[act.jti, name] for name in _names_of(act)]
    counted = [each for each in named if each.allowance is not None]
    return sorted(counted, key=lambda each: len(each.line), reverse=True)


async def _acted(
    asker: _Asker, tx: Transaction, act: WantedAct, counted: Sequence[_Found]
) -> Answered:
    """Take one of the count and the amount of the sum: both, or nothing (S15)."""
    counts, _ = _names_of(act)
    refusal = asker.refusal_of(tx, counted[0].allowance if counted else None)
    if refusal is not None:
        return refusal

    async def take_each(tx: Transaction) -> None:
        for each in counted:
            amount = 1 if each.name == counts else act.amount
            asked = act.key, asker.taker, amount, amount, str(act.amount)
            await drawing.take_of_each(tx, each.line, Take(act.jti, each.name, *asked))

    try:
        await tx.attempt(take_each)
    except drawing.NotTaken as error:
        return Answered(0, refused=error.outcome)
    return Answered(1)
