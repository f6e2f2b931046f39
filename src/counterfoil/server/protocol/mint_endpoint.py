"""The mint endpoint: tokens from descriptions, one or many at once (S56, S57).

It decides as the token endpoint does, and signs in the same place. Between a few signatures it lets
others have their turn.
"""

import asyncio
from collections.abc import Sequence
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
    description_in,
    mistake,
)
from counterfoil.oauth.token_response import TokenResponse
from counterfoil.server.protocol import client_authentication
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.issuance import Issuance
from counterfoil.server.protocol.mint_decisions import Decided, decide, ground_of
from counterfoil.server.protocol.minting import mint
from counterfoil.server.protocol.rates import Once
from counterfoil.server.protocol.recording import issue
from counterfoil.server.protocol.size_budget import becomes_reference
from counterfoil.server.records.client import MINT, Client
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction

AT_A_TIME: Final = 32
"""Signatures between two turns of the others: about a millisecond."""
MOST_WRITTEN: Final = 500
"""So many tokens are written down in one transaction, during which nobody else has a turn."""
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
    demand = partial(_demand_minter, authority, credentials, once)
    await authority.store.read(demand)
    try:
        batch = batch_in(asked.body)
    except NotDescribed as error:
        raise MintRefused([error.mistake]) from None
    described = await _described(batch)

    async def work(tx: Transaction) -> list[Decided]:
        client = await demand(tx)
        return await _decide(authority, tx, client, (batch, described))

    decided = await authority.store.read(work)
    wrong = [each for every in decided if not isinstance(every, Issuance) for each in every]
    if wrong and not (asked.each and batch.is_array):
        raise MintRefused(wrong)
    answers = await _made(authority, decided, each=asked.each and batch.is_array)
    return answers if batch.is_array else answers[0]


async def _demand_minter(
    authority: Authority,
    credentials: client_authentication.Credentials,
    once: Once,
    tx: Transaction,
) -> Client:
    known = await client_authentication.authenticate(tx, credentials)
    client = known.client
    client_authentication.demand_confidential(client)
    once.demand(client, tx.now)
    if MINT not in client.scopes:
        raise OAuthError(
            "insufficient_scope",
            f"This client was not registered with the scope {MINT}.",
            detail=client.client_id,
        )
    authority.activity.note_secret(known.secret_id, tx.now)
    return client


_Described = list[Description | tuple[Mistake, ...]]


async def _described(batch: Batch) -> _Described:
    described: _Described = []
    for index, value in enumerate(batch.values):
        described.append(description_in(value, batch.path(index)))
        if index % AT_A_TIME == AT_A_TIME - 1:
            await asyncio.sleep(0)
    return described


async def _decide(
    authority: Authority, tx: Transaction, client: Client, read: tuple[Batch, _Described]
) -> list[Decided]:
    batch, described = read
    named = {each.audience for each in described if isinstance(each, Description)}
    ground = await ground_of(authority, tx, client, named)
    return [
        decide(ground, tx, each, batch.path(index)) if isinstance(each, Description) else each
        for index, each in enumerate(described)
    ]


async def _made(authority: Authority, decided: Sequence[Decided], *, each: bool) -> list[Answer]:
    """Sign what needs no row, write down the rest, and answer in the order of the descriptions."""
    answers: list[Answer | None] = [None] * len(decided)
    written = dict[int, Issuance]()
    for index, issuance in enumerate(decided):
        if not isinstance(issuance, Issuance):
            answers[index] = issuance
        elif issuance.audience.policy.costs_a_row:
            written[index] = issuance
        else:
            response = mint(authority, issuance)
            if becomes_reference(issuance, response):
                written[index] = issuance
            answers[index] = response
        if index % AT_A_TIME == AT_A_TIME - 1:
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
    places = list(written)
    if not each and len(places) > MOST_WRITTEN:
        sentence = f"At most {MOST_WRITTEN} tokens of APIs that have them written down at once."
        raise MintRefused([mistake("$", sentence)])
    size = AT_A_TIME if each else MOST_WRITTEN
    for begin in range(0, len(places), size):
        some = places[begin : begin + size]
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
