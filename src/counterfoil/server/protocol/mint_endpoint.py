"""The mint endpoint: tokens from descriptions, one or many at once (S56, S57).

It decides as the token endpoint does, and signs in the same place. Between a few signatures it lets
others have their turn.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
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
from counterfoil.server.protocol.mint_decisions import Decided, Read, decide, ground_of, read
from counterfoil.server.protocol.mint_for_others import MOST_PEOPLE, put_down
from counterfoil.server.protocol.minting import mint
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

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        first = mistakes[0]
        super().__init__(first.error, f"{first.path}: {first.error_description}")
        self.mistakes = tuple(mistakes[:MOST_MISTAKES])
        self.more = len(mistakes) - len(self.mistakes)


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
    described = await _described(batch)
    each = manner.each and batch.is_array

    async def work(tx: Transaction) -> list[Decided]:
        minter = await demand(tx)
        decided = await _decide(authority, tx, minter, _Asked(described, each))
        if manner.told:
            await _tell(tx, minter, decided)
        return decided

    if manner.told or any(isinstance(one, Read) and one.description.subject for one in described):
        decided = await authority.store.transact(work)
    else:
        decided = await authority.store.read(work)
    answers = await _made(authority, decided, each=each)
    return answers if batch.is_array else answers[0]


async def _demand_minter(
    authority: Authority, credentials: Credentials, once: Once, origin: Origin, tx: Transaction
) -> Minter:
    known = await client_authentication.authenticate(tx, credentials)
    once.demand(known.client, tx.now)
    client_authentication.demand_right(known.client, MINT)
    authority.activity.note_secret(known.secret_id, tx.now)
    return Minter(known.client, by_client_with(known.client.client_id, known.proof, origin))


_Described = list[Read | tuple[Mistake, ...]]


async def _described(batch: Batch) -> _Described:
    """Read the descriptions; after each one that may have taken long, others have their turn."""
    described: _Described = []
    for index, value in enumerate(batch.values):
        one = read(value, batch.path(index))
        described.append(one)
        if index % AT_A_TIME == AT_A_TIME - 1 or not isinstance(one, Read) or one.was_long:
            await asyncio.sleep(0)
    return described


class _Asked(Struct, frozen=True):
    """What was read of a body, and whether each description has an answer of its own."""

    described: _Described
    each: bool


async def _decide(
    authority: Authority, tx: Transaction, minter: Minter, asked: _Asked
) -> list[Decided]:
    """Decide all of it, and put down what is made for others."""
    descriptions = [one.description for one in asked.described if isinstance(one, Read)]
    _demand_few_people(descriptions)
    ground = await ground_of(authority, tx, minter.client, descriptions)
    decided = [decide(ground, tx, one) if isinstance(one, Read) else one for one in asked.described]
    if not asked.each:
        _demand_right(decided)
        _demand_few_rows(one for one in decided if isinstance(one, Issuance) and one.costs_a_row)
    await put_down(tx, ground.others.made, minter.by)
    return decided


async def _tell(tx: Transaction, minter: Minter, decided: Sequence[Decided]) -> None:
    made = [each for each in decided if isinstance(each, Issuance)]
    detail = {
        "tokens": str(len(made)),
        "audience": " ".join(sorted({each.audience.uri for each in made})),
    }
    client_id = minter.client.client_id
    await events.record(tx, EventKind.CLIENT_TOKENS_MINTED, minter.by, client_id, detail)


def _demand_right(decided: Sequence[Decided]) -> None:
    wrong = [each for every in decided if not isinstance(every, Issuance) for each in every]
    if wrong:
        raise MintRefused(wrong)


def _demand_few_rows(issuances: Iterable[Issuance]) -> None:
    """Demand few rows where they are written all at once."""
    if sum(map(_weight, issuances)) > MOST_WRITTEN:
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


async def _made(authority: Authority, decided: Sequence[Decided], *, each: bool) -> list[Answer]:
    """Sign what needs no row, write down the rest, and answer in the order of the descriptions."""
    answers: list[Answer | None] = [None] * len(decided)
    written, weight = dict[int, Issuance](), 0
    for index, issuance in enumerate(decided):
        if not isinstance(issuance, Issuance):
            answers[index] = issuance
        elif issuance.costs_a_row:
            written[index] = issuance
        else:
            response = mint(authority, issuance)
            if becomes_reference(issuance, response):
                written[index] = issuance
            answers[index] = response
            weight += _weight(issuance)
        if weight >= AT_A_TIME:
            weight = 0
            await asyncio.sleep(0)
    await _write(authority, written, answers, each=each)
    return [answer for answer in answers if answer is not None]


async def _write(
    authority: Authority,
    written: dict[int, Issuance],
    answers: list[Answer | None],
    *,
    each: bool,
) -> None:
    """Write tokens down: in one transaction, or, where each has its own answer, in several."""
    if not each:
        # Known only now of those that turned out too long to be signed.
        _demand_few_rows(written.values())
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
        for place, answer in zip(some, made, strict=True):
            answers[place] = answer


async def _issue_all(
    authority: Authority, issuances: Sequence[Issuance], tx: Transaction
) -> list[Answer]:
    return [await issue(authority, issuance, tx) for issuance in issuances]
