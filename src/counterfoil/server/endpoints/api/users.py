"""People: listed, shown, added and disabled. Nobody is made an administrator here."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from counterfoil.server.documents.endings import EndingDocument
from counterfoil.server.documents.endings import document_of as receipt_of
from counterfoil.server.documents.users import UserDocument, described
from counterfoil.server.endpoints.api.operation import Asked, Call, Nothing
from counterfoil.server.endpoints.api.paging import Paging
from counterfoil.server.endpoints.api.powers import demand_powers
from counterfoil.server.endpoints.api.responding import NotFound
from counterfoil.server.endpoints.api.waiting import Waiting, guards_at
from counterfoil.server.identity import factor_change, joining, recovery, upstream_tokens
from counterfoil.server.protocol import account_deletion, changed_data, registration, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.own_api import ADMINISTRATION
from counterfoil.server.protocol.profile import LONGEST_NAME
from counterfoil.server.protocol.registration import NewUser
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.linked_identity import LinkedIdentity
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.web.server import Server


class UserPage(Struct, frozen=True, kw_only=True):
    """A part of the people, newest first; ``next`` is the cursor of the part after."""

    users: tuple[UserDocument, ...]
    next: str | None


class NewPerson(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person to add, who is sent a link by which they choose their password.

    Administrators are made on the command line.
    """

    email: Annotated[str, Meta(max_length=200)]
    name: Annotated[str, Meta(max_length=LONGEST_NAME)] | None = None
    language: Literal["en", "de"] | None = None

    def __repr__(self) -> str:
        return "NewPerson(…)"


async def list_users(call: Call[Paging, Nothing]) -> UserPage:
    """``GET /api/users``."""
    part = call.query.part

    async def work(tx: Transaction) -> list[UserDocument]:
        ids = await tx.lists.users(part)
        return [await described(tx, await _find(tx, each)) for each in ids]

    found = await call.server.authority.store.read(work)
    shown, after = call.query.cut(found, lambda each: (each.created_at, each.id))
    return UserPage(users=tuple(shown), next=after)


async def show_user(call: Call[Nothing, Nothing]) -> UserDocument:
    """``GET /api/users/{user_id}``."""

    async def work(tx: Transaction) -> UserDocument:
        return await described(tx, await _find(tx, call.names["user_id"]))

    return await call.server.authority.store.read(work)


async def add_user(call: Call[Nothing, NewPerson]) -> UserDocument:
    """``POST /api/users``."""
    asked = call.body
    authority = call.server.authority

    async def work(tx: Transaction) -> UserDocument:
        new = NewUser(asked.email, name=asked.name, language=asked.language or "")
        added = await registration.add_user(tx, new, call.by)
        await joining.invite(authority, tx, added, call.by)
        return await described(tx, added)

    document = await authority.store.transact(work)
    _wake(call.server)
    return document


async def disable_user(call: Call[Waiting, Nothing]) -> EndingDocument:
    """``POST /api/users/{user_id}/disable``: every session and token of theirs ends."""

    async def work(tx: Transaction) -> Ending:
        found = await _find(tx, call.names["user_id"])
        return await revocation.disable_user(tx, found.id, call.by)

    ending = await call.server.authority.store.transact(work)
    return receipt_of(ending, await guards_at(call, ending.position))


async def delete_user(call: Call[Waiting, Nothing]) -> EndingDocument:
    """``POST /api/users/{user_id}/delete``: at once and for good; they are erased from the log.

    Who deletes an administrator has every power of one.
    """
    server = call.server

    async def work(tx: Transaction) -> tuple[Ending, list[LinkedIdentity]]:
        found = await _find(tx, call.names["user_id"])
        if found.is_admin:
            demand_powers(call.admitted, ADMINISTRATION)
        linked = await tx.identities.of_user(found.id)
        return await account_deletion.delete_account(tx, found.id, call.by), linked

    ending, linked = await server.authority.store.transact(work)
    receipt = receipt_of(ending, await guards_at(call, ending.position))
    await upstream_tokens.give_back(server.authority, server.line, linked)
    return receipt


async def enable_user(call: Call[Nothing, Nothing]) -> UserDocument:
    """``POST /api/users/{user_id}/enable``: nothing that has ended comes back."""

    async def work(tx: Transaction) -> UserDocument:
        found = await _find(tx, call.names["user_id"])
        if found.is_admin:
            demand_powers(call.admitted, ADMINISTRATION)
        await registration.enable_user(tx, found.id, call.by)
        return await described(tx, await _find(tx, found.id))

    return await call.server.authority.store.transact(work)


async def recover_user(call: Call[Nothing, Nothing]) -> UserDocument:
    """``POST /api/users/{user_id}/recover``: a link is sent to them, and to nobody else."""
    return await _sent(call, recovery.start)


async def invite_user(call: Call[Nothing, Nothing]) -> UserDocument:
    """``POST /api/users/{user_id}/invite``: anew, for whoever has no password yet."""
    return await _sent(call, joining.invite)


async def _sent(
    call: Call[Nothing, Nothing],
    send: Callable[[Authority, Transaction, User, Actor], Awaitable[None]],
) -> UserDocument:
    authority = call.server.authority

    async def work(tx: Transaction) -> UserDocument:
        found = await _find(tx, call.names["user_id"])
        await send(authority, tx, found, call.by)
        return await described(tx, found)

    document = await authority.store.transact(work)
    _wake(call.server)
    return document


def _wake(server: Server) -> None:
    if server.sender is not None:
        server.sender.wake()


async def reset_second_factor(call: Call[Waiting, Nothing]) -> EndingDocument:
    """``POST /api/users/{user_id}/reset-second-factor``: everything of theirs ends too."""
    authority = call.server.authority

    async def work(tx: Transaction) -> Ending:
        found = await _find(tx, call.names["user_id"])
        if found.is_admin:
            demand_powers(call.admitted, ADMINISTRATION)
        return await factor_change.reset(authority, tx, found.id, call.by)

    ending = await authority.store.transact(work)
    _wake(call.server)
    return receipt_of(ending, await guards_at(call, ending.position))


async def tell_of_change(call: Call[Waiting, Nothing]) -> EndingDocument:
    """``POST /api/users/{user_id}/changed``: guards load anew what they know of the person.

    Nothing ends.
    """

    async def work(tx: Transaction) -> Ending:
        found = await _find(tx, call.names["user_id"])
        return await changed_data.tell(tx, found.id, call.by)

    told = await call.server.authority.store.transact(work)
    return receipt_of(told, await guards_at(call, told.position))


async def _find(tx: Transaction, user_id: str) -> User:
    found = await tx.users.find(user_id)
    if found is None:
        raise NotFound("There is no such user.")
    return found
