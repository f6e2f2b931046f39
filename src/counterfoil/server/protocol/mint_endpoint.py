"""The mint endpoint: tokens from descriptions, one or many at once (S56, S57).

It decides as the token endpoint does, and signs in the same place. Between a few signatures it lets
others have their turn.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final

from msgspec import Struct

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.token_description import (
    Batch,
    Description,
    Mistake,
    NotDescribed,
    batch_in,
    mistake,
)
from counterfoil.oauth.token_response import TokenResponse
from counterfoil.server.protocol import client_authentication, events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.client_authentication import Credentials
from counterfoil.server.protocol.events import Actor, by_client_with
from counterfoil.server.protocol.issuance import Issuance
from counterfoil.server.protocol.mint_decisions import Read, ground_of, read
from counterfoil.server.protocol.mint_for_others import MOST_PEOPLE, put_down
from counterfoil.server.protocol.mint_series import (
    Decisions,
    Kind,
    Series,
    decide_all,
    kinds_of,
)
from counterfoil.server.protocol.minting import mint_alike
from counterfoil.server.protocol.rates import Once
from counterfoil.server.protocol.recording import issue
from counterfoil.server.protocol.size_budget import becomes_reference
from counterfoil.server.records.client import MINT, Client
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction, Work

AT_A_TIME: Final = 32
"""Signatures between two turns of the others: about a millisecond."""
MOST_WRITTEN: Final = 500
"""So many tokens are written down in one transaction, during which nobody else has a turn."""
POST_QUANTUM: Final = 10
"""As so many signatures counts one that is post-quantum: it takes milliseconds."""
MOST_MISTAKES: Final = 100
"""Named in one refusal, where all was to be made or nothing."""

Answer = TokenResponse | tuple[Mistake, ...]


class Asked(Struct, frozen=True):
    """What came to the endpoint, all of it unverified.

    ``each``: every description gets an answer of its own; else all tokens are made, or none.
    """

    body: bytes
    authorization: str | None
    origin: Origin
    each: bool = False


class MintRefused(OAuthError):
    """Nothing was made, for these mistakes; ``more`` others are not named."""

    def __init__(self, mistakes: Sequence[Mistake], more: int = 0) -> None:
        first = mistakes[0]
        super().__init__(first.error, f"{first.path}: {first.error_description}")
        self.mistakes = tuple(mistakes)
        self.more = more


async def respond(authority: Authority, asked: Asked) -> Answer | list[Answer]:
    """Make what is described, and answer an object with one, an array with as many.

    Raises:
        OAuthError: who asks may not mint; ``MintRefused``: what stands against the descriptions.
        StoreUnavailable: nothing was handed out; the client may try again.
    """
    credentials = await client_authentication.credentials_of_header(authority, asked.authorization)
    once = Once(authority.client_rates)
    demand = partial(_demand_minter, authority, credentials, once, asked.origin)
    await authority.store.read(demand)
    return await mint_described(authority, demand, asked.body, Manner(each=asked.each))


class Minter(Struct, frozen=True):
    """The client whose tokens are made, and who acts: it itself, or whoever looks after us."""

    client: Client
    by: Actor


class Manner(Struct, frozen=True, kw_only=True):
    """How it is made: each for itself or all at once; ``told``: with an event, whomever it is for.

    A client that mints for itself leaves none, for it could as well ask for each token.
    """

    each: bool = False
    told: bool = False


async def mint_described(
    authority: Authority, demand: Work[Minter], body: bytes, manner: Manner
) -> Answer | list[Answer]:
    """Make what a body describes for the client that ``demand`` gives, in the deciding transaction.

    Raises:
        MintRefused: what stands against the descriptions. Nothing was made.
        StoreUnavailable: nothing was handed out.
    """
    try:
        batch = batch_in(body)
    except NotDescribed as error:
        raise MintRefused([error.mistake]) from None
    kinds = kinds_of(batch, await _read(batch))
    each = manner.each and batch.is_array

    async def work(tx: Transaction) -> Decisions:
        minter = await demand(tx)
        decisions = await _decide(authority, tx, minter, _Asked(batch, kinds, each))
        if manner.told:
            await _tell(tx, minter, decisions)
        return decisions

    if manner.told or any(each.subject for each in _descriptions(kinds)):
        decisions = await authority.store.transact(work)
    else:
        decisions = await authority.store.read(work)
    answers = await _made(authority, decisions, each=each)
    return answers if batch.is_array else answers[0]


async def _demand_minter(
    authority: Authority, credentials: Credentials, once: Once, origin: Origin, tx: Transaction
) -> Minter:
    known = await client_authentication.authenticate(tx, credentials)
    once.demand(known.client, tx.now)
    client_authentication.demand_right(known.client, MINT)
    authority.activity.note_secret(known.secret_id, tx.now)
    return Minter(known.client, by_client_with(known.client.client_id, known.proof, origin))


async def _read(batch: Batch) -> dict[bytes, Read | tuple[Mistake, ...]]:
    """Read the descriptions; after each one that may have taken long, others have their turn."""
    found = dict[bytes, Read | tuple[Mistake, ...]]()
    for text, value in batch.values.items():
        one = found[text] = read(value)
        if len(found) % AT_A_TIME == 0 or not isinstance(one, Read) or one.was_long:
            await asyncio.sleep(0)
    return found


def _descriptions(kinds: Iterable[Kind]) -> list[Description]:
    return [kind.read.description for kind in kinds if isinstance(kind.read, Read)]


class _Asked(Struct, frozen=True):
    """What was read of a body, and whether each description has an answer of its own."""

    batch: Batch
    kinds: Sequence[Kind]
    each: bool


async def _decide(
    authority: Authority, tx: Transaction, minter: Minter, asked: _Asked
) -> Decisions:
    """Decide all of it, and put down what is made for others."""
    descriptions = _descriptions(asked.kinds)
    _demand_few_people(descriptions)
    ground = await ground_of(authority, tx, minter.client, descriptions)
    decisions = decide_all(ground, tx, asked.batch, asked.kinds)
    if not asked.each:
        _demand_right(decisions)
        _demand_few_rows(decisions.series)
    await put_down(tx, ground.others.made, minter.by)
    return decisions


async def _tell(tx: Transaction, minter: Minter, decisions: Decisions) -> None:
    detail = {
        "tokens": str(decisions.tokens),
        "audience": " ".join(sorted({each.issuance.audience.uri for each in decisions.series})),
    }
    client_id = minter.client.client_id
    await events.record(tx, EventKind.CLIENT_TOKENS_MINTED, minter.by, client_id, detail)


def _demand_right(decisions: Decisions) -> None:
    if decisions.wrong:
        named = list(islice(decisions.mistakes(), MOST_MISTAKES))
        every = sum(map(len, decisions.wrong.values()))
        raise MintRefused(named, every - len(named))


def _demand_few_rows(series: Iterable[Series]) -> None:
    """Demand few rows where they are written all at once."""
    written = (each for each in series if each.issuance.costs_a_row)
    _demand_few(sum(_weight(each.issuance) * len(each.places) for each in written))


def _demand_few(weight: int) -> None:
    if weight > MOST_WRITTEN:
        sentence = (
            f"At most {MOST_WRITTEN} tokens that are written down at once; one with a post-quantum "
            f"signature counts as {POST_QUANTUM}."
        )
        raise MintRefused([mistake("$", sentence)])


def _weight(issuance: Issuance) -> int:
    return 1 if issuance.audience.policy.signing_algorithm is None else POST_QUANTUM


def _portions(written: Mapping[int, Issuance], most: int) -> Iterable[list[int]]:
    """Divide the places so that each portion weighs as much as may be signed in a row, or little
    more."""
    portion, weight = list[int](), 0
    for place, issuance in written.items():
        portion.append(place)
        weight += _weight(issuance)
        if weight >= most:
            yield portion
            portion, weight = [], 0
    if portion:
        yield portion


def _demand_few_people(described: Sequence[Description]) -> None:
    """Demand few people, before any of them is looked up."""
    people = {each.subject for each in described} - {None}
    if len(people) > MOST_PEOPLE:
        sentence = f"This names {len(people)} people; at most {MOST_PEOPLE} at once."
        raise MintRefused([mistake("$", sentence)])


class _Turns:
    """Gives others their turn between a few signatures."""

    def __init__(self) -> None:
        self._left = AT_A_TIME

    async def after(self, weight: int) -> None:
        self._left -= weight
        if self._left <= 0:
            self._left += AT_A_TIME
            await asyncio.sleep(0)


async def _made(authority: Authority, decisions: Decisions, *, each: bool) -> list[Answer]:
    """Sign what needs no row, write down the rest, and answer in the order of the descriptions."""
    answers = dict[int, Answer]()
    written, turns = dict[int, Issuance](), _Turns()
    for series in decisions.series:
        if series.issuance.costs_a_row or not await _signed(authority, series, answers, turns):
            written.update(series.each())
    await _write(authority, written, answers, each=each)
    for place in decisions.wrong:
        answers[place] = decisions.mistakes_at(place)
        await turns.after(1)
    return [answers[place] for place in range(len(answers))]


async def _signed(
    authority: Authority, series: Series, answers: dict[int, Answer], turns: _Turns
) -> bool:
    """Sign a series; says whether it stands: else they are too long, and all are written down."""
    weight, places = _weight(series.issuance), iter(series.places)
    at_once = max(1, AT_A_TIME // weight)
    for some in mint_alike(authority, series.issuance, series.handles, at_once):
        if becomes_reference(series.issuance, some[0]):
            return False
        answers.update(zip(islice(places, len(some)), some, strict=True))
        await turns.after(weight * len(some))
    return True


async def _write(
    authority: Authority,
    written: dict[int, Issuance],
    answers: dict[int, Answer],
    *,
    each: bool,
) -> None:
    """Write tokens down: in one transaction, or, where each has its own answer, in several."""
    if not each:
        # Known only now of those that turned out too long to be signed.
        _demand_few(sum(map(_weight, written.values())))
    for some in _portions(written, AT_A_TIME if each else MOST_WRITTEN):
        try:
            made = await authority.store.transact(
                partial(_issue_all, authority, [written[place] for place in some])
            )
        except StoreUnavailable:
            if not each:
                raise
            sentence = "The server cannot answer at the moment; try again."
            failed = (mistake("$", sentence, "temporarily_unavailable"),)
            made = [failed] * len(some)
        answers.update(zip(some, made, strict=True))


async def _issue_all(
    authority: Authority, issuances: Sequence[Issuance], tx: Transaction
) -> list[Answer]:
    return [await issue(authority, issuance, tx) for issuance in issuances]
