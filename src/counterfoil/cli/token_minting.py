"""How ``counterfoil token mint`` makes tokens: as the endpoint does, in the name of a client."""

from functools import partial
from typing import TYPE_CHECKING

from counterfoil.cli.client_members import find_client
from counterfoil.cli.output import Failure
from counterfoil.oauth.token_description import Mistake
from counterfoil.oauth.token_response import TokenResponse
from counterfoil.server.protocol.client_authentication import demand_right
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.mint_endpoint import (
    Answer,
    Manner,
    Minter,
    MintRefused,
    mint_described,
)
from counterfoil.server.records.client import MINT

if TYPE_CHECKING:
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.records.store import Transaction


async def minted(
    authority: "Authority", client_id: str, body: bytes, *, each: bool
) -> Answer | list[Answer]:
    """Make what a body describes, and write down that it was done from here.

    Raises:
        Failure: the client may not mint, or something stands against the descriptions.
    """
    demand = partial(_demand_minter, client_id)
    try:
        return await mint_described(authority, demand, body, Manner(each=each, told=True))
    except MintRefused as error:
        raise Failure(_told(error.mistakes, error.more)) from None


async def _demand_minter(client_id: str, tx: "Transaction") -> Minter:
    client = await find_client(tx, client_id)
    demand_right(client, MINT)
    if not client.is_enabled:
        raise Failure(f"the client {client_id} is disabled")
    return Minter(client, CLI)


def document_of(answer: Answer | list[Answer]) -> object:
    """Give the answer as the endpoint spells it."""
    if isinstance(answer, list):
        return [document_of(each) for each in answer]
    return answer if isinstance(answer, TokenResponse) else {"errors": answer}


def _told(mistakes: tuple[Mistake, ...], more: int) -> str:
    said = "; ".join(f"{each.path}: {each.error_description.rstrip('.')}" for each in mistakes)
    return f"{said}; and {more} more" if more else said


def lines_of(answer: Answer | list[Answer]) -> list[str]:
    """Give a line for each: the token, or what stands against it."""
    if isinstance(answer, list):
        return [line for each in answer for line in lines_of(each)]
    return [answer.access_token] if isinstance(answer, TokenResponse) else [_told(answer, 0)]
