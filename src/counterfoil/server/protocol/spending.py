"""Taking of what limited tokens may still do, and giving back: for guards, in batches (S54, S55).

A guard takes for the tokens of its own API alone, and only while they stand: a token that was ended
is refused here, too, however far its guard is behind.
"""

from functools import partial

from counterfoil.oauth.allowances import (
    Answered,
    Spending,
    Spent,
    Unused,
    Wanted,
    WrongSpending,
    spending_from,
)
from counterfoil.oauth.errors import invalid_request, invalid_target, sayable
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import client_authentication
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.client_authentication import AuthenticatedClient, Credentials
from counterfoil.server.records.allowance import Outcome, Return, Take
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

    Of one allowance what is given back comes first: it may be what another entry asks for.
    """
    answers: dict[int, Answered] = {}
    returned: dict[int, int] = {}
    entries: list[tuple[int, Wanted | Unused]] = [*enumerate(spending.returns)]
    entries += enumerate(spending.takes)
    for number, each in sorted(entries, key=lambda entry: (entry[1].jti, entry[1].name)):
        if isinstance(each, Unused):
            returned[number] = await _given_back(tx, spending.audience, each, taker)
        else:
            answers[number] = await _answered(authority, tx, spending.audience, each, taker)
    takes = tuple(answers[number] for number in range(len(answers)))
    return Spent(takes, tuple(returned[number] for number in range(len(returned))))


async def _given_back(tx: Transaction, audience: str, unused: Unused, taker: str) -> int:
    allowance = await tx.allowances.find(unused.jti, unused.name)
    if allowance is None or allowance.marks.audience != audience:
        return 0
    which = unused.jti, unused.name, unused.key
    return await tx.allowances.give_back(Return(*which, taker, unused.amount))


async def _answered(
    authority: Authority, tx: Transaction, audience: str, wanted: Wanted, taker: str
) -> Answered:
    allowance = await tx.allowances.find(wanted.jti, wanted.name)
    if allowance is None or allowance.marks.audience != audience:
        return Answered(0, refused=Reason.NOT_REGISTERED)
    if tx.now >= allowance.expires_at:
        return Answered(0, refused=Reason.EXPIRED)
    reason = authority.hub.revocations.rejects(allowance.marks, tx.now)
    if reason is not None:
        return Answered(0, refused=reason)
    least = wanted.amount if wanted.least is None else wanted.least
    which = wanted.jti, wanted.name, wanted.key
    taken = await tx.allowances.take(Take(*which, taker, wanted.amount, least))
    if taken.outcome is Outcome.GRANTED:
        return Answered(taken.granted, taken.left)
    return Answered(0, refused=taken.outcome)
