"""Taking of what limited tokens may still do, and giving back: for guards, in batches (S15, S54).

A guard takes for the tokens of its own API alone, and only while they stand: a token that was ended
is refused here, too, however far its guard is behind.
"""

from collections.abc import Iterable, Sequence
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
        allowance = found[each.jti, each.name].allowance
        if isinstance(each, Unused):
            returned[number] = await _given_back(asker, tx, each, allowance)
        else:
            answers[number] = await _answered(asker, tx, each, allowance)
    takes = tuple(answers[number] for number in range(len(answers)))
    acts = await _all_acted(asker, tx, spending.acts)
    return Spent(takes, tuple(returned[number] for number in range(len(returned))), acts)


class _Found(Struct, frozen=True):
    """An allowance that is asked for, if there is one, and the name of the first of its line.

    How much is left of it is not to be gone by: that the taking says.
    """

    allowance: Allowance | None
    first: tuple[str, str]


async def _found(
    tx: Transaction, named: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], _Found]:
    """Look up once what is asked for, however often it is."""
    found = dict[tuple[str, str], _Found]()
    for jti, name in named:
        own = await tx.allowances.find(jti, name)
        first = jti if own is None else (await drawing.line_of(tx, own))[0]
        found[jti, name] = _Found(own, (first, name))
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


async def _given_back(
    asker: _Asker, tx: Transaction, unused: Unused, allowance: Allowance | None
) -> int:
    if allowance is None or allowance.marks.audience != asker.audience:
        return 0
    which = unused.jti, unused.name, unused.key
    return await drawing.give_back(tx, allowance, Return(*which, asker.taker, unused.amount))


async def _answered(
    asker: _Asker, tx: Transaction, wanted: Wanted, allowance: Allowance | None
) -> Answered:
    refusal = asker.refusal_of(tx, allowance)
    if allowance is None or refusal is not None:
        return refusal or Answered(0, refused=Reason.NOT_REGISTERED)
    least = wanted.amount if wanted.least is None else wanted.least
    which = wanted.jti, wanted.name, wanted.key
    taken = await drawing.take(tx, allowance, Take(*which, asker.taker, wanted.amount, least))
    if taken.outcome is Outcome.GRANTED:
        return Answered(taken.granted, taken.left)
    return Answered(0, refused=taken.outcome)


async def _all_acted(
    asker: _Asker, tx: Transaction, acts: Sequence[WantedAct]
) -> tuple[Answered, ...]:
    answers: dict[int, Answered] = {}
    found = await _found(tx, {(act.jti, name) for act in acts for name in _names_of(act)})
    of_each = [[found[act.jti, name] for name in _names_of(act)] for act in acts]
    in_order = sorted(range(len(acts)), key=lambda number: [each.first for each in of_each[number]])
    for number in in_order:
        counted = [each.allowance for each in of_each[number] if each.allowance is not None]
        answers[number] = await _acted(asker, tx, acts[number], counted)
    return tuple(answers[number] for number in range(len(answers)))


def _names_of(act: WantedAct) -> tuple[str, str]:
    return count_name(act.action, act.unit), sum_name(act.action, act.unit)


async def _acted(
    asker: _Asker, tx: Transaction, act: WantedAct, allowances: Sequence[Allowance]
) -> Answered:
    """Take one of the count and the amount of the sum: both, or nothing (S15)."""
    counts, _ = _names_of(act)
    refusal = asker.refusal_of(tx, allowances[0] if allowances else None)
    if refusal is not None:
        return refusal

    async def take_each(tx: Transaction) -> None:
        for allowance in allowances:
            amount = 1 if allowance.name == counts else act.amount
            asked = act.key, asker.taker, amount, amount, str(act.amount)
            line = await drawing.line_of(tx, allowance)
            await drawing.take_of_each(tx, line, Take(act.jti, allowance.name, *asked))

    try:
        await tx.attempt(take_each)
    except drawing.NotTaken as error:
        return Answered(0, refused=error.outcome)
    return Answered(1)
