"""People: listed, shown, added and disabled. Nobody is made an administrator here."""

from typing import Annotated

from msgspec import Meta, Struct

from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.server.documents.endings import EndingDocument
from counterfoil.server.documents.endings import document_of as receipt_of
from counterfoil.server.documents.users import UserDocument, document_of
from counterfoil.server.endpoints.api.operation import Asked, Call, Nothing
from counterfoil.server.endpoints.api.paging import Paging
from counterfoil.server.endpoints.api.powers import demand_powers
from counterfoil.server.endpoints.api.responding import NotFound
from counterfoil.server.endpoints.api.waiting import Waiting, guards_at
from counterfoil.server.identity import recovery
from counterfoil.server.identity.passwords import PasswordRefused, TooBusy
from counterfoil.server.protocol import account_deletion, changed_data, registration, revocation
from counterfoil.server.protocol.own_api import SCOPES
from counterfoil.server.protocol.registration import NewUser
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


class UserPage(Struct, frozen=True, kw_only=True):
    """A part of the people, newest first; ``next`` is the cursor of the part after."""

    users: tuple[UserDocument, ...]
    next: str | None


class NewPerson(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person to add, with a first password. Administrators are made on the command line."""

    email: Annotated[str, Meta(max_length=200)]
    password: Annotated[str, Meta(max_length=256)]
    name: Annotated[str, Meta(max_length=200)] | None = None

    def __repr__(self) -> str:
        return "NewPerson(…)"


async def list_users(call: Call[Paging, Nothing]) -> UserPage:
    """``GET /api/users``."""
    part = call.query.part

    async def work(tx: Transaction) -> list[User]:
        return [await _find(tx, each) for each in await tx.lists.users(part)]

    found = await call.server.authority.store.read(work)
    shown, after = call.query.cut(found, lambda each: (each.created_at, each.id))
    return UserPage(users=tuple(map(document_of, shown)), next=after)


async def show_user(call: Call[Nothing, Nothing]) -> UserDocument:
    """``GET /api/users/{user_id}``."""

    async def work(tx: Transaction) -> UserDocument:
        return document_of(await _find(tx, call.names["user_id"]))

    return await call.server.authority.store.read(work)


async def add_user(call: Call[Nothing, NewPerson]) -> UserDocument:
    """``POST /api/users``."""
    asked = call.body
    if asked.name is not None and not asked.name.isprintable():
        raise invalid_request("name must be printable characters.")
    try:
        digest = await call.server.passwords.hash(asked.password)
    except PasswordRefused as error:
        raise invalid_request(str(error)) from None
    except TooBusy as error:
        raise OAuthError("temporarily_unavailable", str(error)) from None

    async def work(tx: Transaction) -> UserDocument:
        new = NewUser(asked.email, digest, asked.name)
        return document_of(await registration.add_user(tx, new, call.by))

    return await call.server.authority.store.transact(work)


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

    async def work(tx: Transaction) -> Ending:
        found = await _find(tx, call.names["user_id"])
        if found.is_admin:
            demand_powers(call.admitted, frozenset(SCOPES))
        return await account_deletion.delete_account(tx, found.id, call.by)

    ending = await call.server.authority.store.transact(work)
    return receipt_of(ending, await guards_at(call, ending.position))


async def enable_user(call: Call[Nothing, Nothing]) -> UserDocument:
    """``POST /api/users/{user_id}/enable``: nothing that has ended comes back."""

    async def work(tx: Transaction) -> UserDocument:
        found = await _find(tx, call.names["user_id"])
        if found.is_admin:
            demand_powers(call.admitted, frozenset(SCOPES))
        await registration.enable_user(tx, found.id, call.by)
        return document_of(await _find(tx, found.id))

    return await call.server.authority.store.transact(work)


async def recover_user(call: Call[Nothing, Nothing]) -> UserDocument:
    """``POST /api/users/{user_id}/recover``: a link is sent to them, and to nobody else."""
    authority, sender = call.server.authority, call.server.sender

    async def work(tx: Transaction) -> UserDocument:
        found = await _find(tx, call.names["user_id"])
        await recovery.start(authority, tx, found, call.by)
        return document_of(found)

    document = await authority.store.transact(work)
    if sender is not None:
        sender.wake()
    return document


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
