"""By what somebody can sign in: nobody takes their last way away, or keeps one that is another's.

A link by mail is no way in that is always there.
"""

from counterfoil.server.protocol import events
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


async def has_another_way_in(tx: Transaction, user: User, *, without: str) -> bool:
    """Whether somebody could sign in without this identity, or passkey, of theirs.

    A provider that is disabled is none.
    """
    if user.has_password:
        return True
    if any(each.id != without for each in await tx.passkeys.of_user(user.id)):
        return True
    enabled = {each.id for each in await tx.providers.every() if each.is_enabled}
    return any(
        each.id != without and each.provider_id in enabled
        for each in await tx.identities.of_user(user.id)
    )


async def is_untouched(tx: Transaction, user: User) -> bool:
    """Whether an account was made for somebody, by an invitation, who has not come yet."""
    ways = [*await tx.identities.of_user(user.id), *await tx.passkeys.of_user(user.id)]
    return user.password_hash is None and not ways and not await tx.sessions.of_user(user.id)


async def clear_unproved(tx: Transaction, user: User, by: events.Actor) -> None:
    """Take away by what somebody came in before it was shown whose address the account has.

    Whoever proves it by a mail may have found an account that another had prepared for them: by a
    provider that lies, and then a passkey or an app of their own.
    """
    if user.email_verified:
        return
    for identity in await tx.identities.of_user(user.id):
        await tx.identities.remove(identity.id)
        detail = {"provider": identity.provider_id, "identity": identity.id}
        await events.record(tx, EventKind.IDENTITY_UNLINKED, by, user.id, detail)
    if user.password_hash is not None:
        return
    for passkey in await tx.passkeys.of_user(user.id):
        await tx.passkeys.remove(passkey.id)
        await events.record(tx, EventKind.PASSKEY_REMOVED, by, user.id, {"passkey": passkey.id})
    if await tx.second_factors.remove(user.id):
        await events.record(tx, EventKind.SECOND_FACTOR_REMOVED, by, user.id)
