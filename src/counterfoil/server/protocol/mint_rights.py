"""Giving a client the right to mint for people, and what may not be given (S58)."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import invalid_request, invalid_scope, invalid_target
from counterfoil.server.protocol import events
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.own_api import is_own
from counterfoil.server.records.client import MINT, Client
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.mint_right import MintRight
from counterfoil.server.records.store import Transaction

_DAY: Final = 24 * 60 * 60
LONGEST_TOKEN: Final = 30 * _DAY
LONGEST_RIGHT: Final = 3650 * _DAY
MOST_RIGHTS: Final = 20
"""Of one client, past ones included that were not withdrawn."""
MOST_USERS: Final = 100
"""Named by one right. Whoever needs more says that it is for any."""


class NewMintRight(Struct, frozen=True, kw_only=True):
    """What an administrator wants to give. Times in seconds; ``apis`` holds scopes by API."""

    client_id: str
    apis: Mapping[str, frozenset[str]]
    longest: int
    ends_at: int
    users: tuple[str, ...] = ()
    any_user: bool = False


async def give(tx: Transaction, wanted: NewMintRight, by: Actor) -> MintRight | None:
    """Give a right, with an event for each person; ``None`` where there is no such client.

    Raises:
        OAuthError: ``invalid_request``, ``invalid_target`` or ``invalid_scope``: what does not fit.
    """
    client = await tx.clients.find(wanted.client_id)
    if client is None:
        return None
    _demand_bounds(wanted, tx.now)
    await _demand_client(tx, client)
    await _demand_apis(tx, client, wanted.apis)
    await _demand_users(tx, wanted)
    right = MintRight(
        id=new_handle(tx),
        client_id=client.client_id,
        access=Access(wanted.apis),
        longest=wanted.longest,
        created_at=tx.now,
        ends_at=wanted.ends_at,
        given_by=by.name,
        users=tuple(dict.fromkeys(wanted.users)),
        any_user=wanted.any_user,
    )
    await tx.mint_rights.add(right)
    for whom in _whom(right):
        told = whom | _told(right)
        await events.record(tx, EventKind.MINT_RIGHT_GIVEN, by, client.client_id, told)
    return right


def _whom(right: MintRight) -> list[dict[str, str]]:
    """Name each person by themselves: the log finds, and erases, their lines by this (S111)."""
    if right.any_user:
        return [{"users": "any"}]
    return [{"user_id": user_id} for user_id in right.users]


def _told(right: MintRight) -> dict[str, str]:
    return {
        "id": right.id,
        "audience": " ".join(sorted(right.access.apis)),
        "scope": right.access.scope,
        "longest": str(right.longest),
        "ends_at": str(right.ends_at),
    }


def _demand_bounds(wanted: NewMintRight, now: int) -> None:
    if bool(wanted.users) is wanted.any_user:
        raise invalid_request("A right to mint names people, or says that it is for any.")
    if len(wanted.users) > MOST_USERS:
        raise invalid_request(f"A right to mint names at most {MOST_USERS} people.")
    if not 1 <= wanted.longest <= LONGEST_TOKEN:
        raise invalid_request(f"A token lives for 1 to {LONGEST_TOKEN} seconds.")
    if not now < wanted.ends_at <= now + LONGEST_RIGHT:
        raise invalid_request("A right to mint ends on a day to come, in ten years at most.")


async def _demand_client(tx: Transaction, client: Client) -> None:
    if MINT not in client.scopes:
        raise invalid_request(f"Register the client with the scope {MINT} first.")
    if len(await tx.mint_rights.of_client(client.client_id)) >= MOST_RIGHTS:
        raise invalid_request(f"A client has at most {MOST_RIGHTS} rights to mint: withdraw one.")


async def _demand_apis(
    tx: Transaction, client: Client, wanted: Mapping[str, frozenset[str]]
) -> None:
    if not wanted or not all(wanted.values()):
        raise invalid_request("A right to mint names APIs, and scopes of each.")
    for uri, scopes in wanted.items():
        api = await tx.apis.find(uri)
        if api is None or is_own(api):
            raise invalid_target("A right to mint names APIs that are registered, not this server.")
        beyond = scopes - (client.access.apis.get(uri, frozenset()) & api.scopes.keys())
        if beyond:
            raise invalid_scope(f"The client itself is not registered for {min(beyond)} there.")


async def _demand_users(tx: Transaction, wanted: NewMintRight) -> None:
    for user_id in wanted.users:
        if await tx.users.find(user_id) is None:
            raise invalid_request("A right to mint names people that are known here, by their ids.")
