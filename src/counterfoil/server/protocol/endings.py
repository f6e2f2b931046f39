"""Every way of ending, in one table: how it is foreseen, and how it is carried out.

The command line, the pages and the HTTP API all go through here. A caller that serves catches up
with the hub after its transaction has been committed.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from counterfoil.server.keys.rotation import find_key
from counterfoil.server.protocol import foreseeing, revocation
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.ending_targets import Ends, Target, owner_of, target_of_token
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.foreseeing import Foreseen
from counterfoil.server.protocol.revocation import Ending, nothing_ended
from counterfoil.server.records.personal_token import TokenEnd
from counterfoil.server.records.store import Transaction

__all__ = [
    "ENDINGS",
    "Ending",
    "Ends",
    "Foreseen",
    "Target",
    "carry_out",
    "foresee",
    "owner_of",
    "target_of_token",
]


class Way(Struct, frozen=True):
    """One way of ending. ``carry_out`` is asked only after ``foresee`` has found the target."""

    foresee: Callable[[Transaction, Target], Awaitable[Foreseen]]
    carry_out: Callable[[Authority, Transaction, Target, Actor], Awaitable[Ending]]


async def foresee(authority: Authority, tx: Transaction, target: Target) -> Foreseen:
    """Say what will end, before it is done. It changes nothing.

    Raises:
        OAuthError: ``invalid_request``: there is no such thing.
    """
    return await ENDINGS[target.kind].foresee(tx, target)


async def carry_out(authority: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    """End what ``foresee`` said, with its one event and its notices; gives the receipt.

    What has ended already ends no second time: no event, no notice, and ``Ending.ended`` is false.
    Codes that nobody has exchanged yet are burned all the same.

    Raises:
        OAuthError: ``invalid_request``: there is no such thing.
    """
    way = ENDINGS[target.kind]
    await way.foresee(tx, target)
    return await way.carry_out(authority, tx, target, by)


async def _token(_: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    return await revocation.end_token(tx, target.name, target.expires_at, by)


async def _family(_: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    return await revocation.end_family(tx, target.name, "ended", by)


async def _personal_token(_: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    end = TokenEnd(tx.now, "ended")
    return await revocation.end_personal_token(tx, target.name, end, by)


async def _session(_: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    return await revocation.end_session(tx, target.name, by)


async def _remembered(_: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    remembered = await tx.remembered_browsers.find(target.name)
    if remembered is None:
        return await nothing_ended(tx)
    return await revocation.end_remembered(tx, remembered, "forgotten", by)


async def _app_sessions(_: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    return await revocation.sign_out_of_app(tx, target.name, by)


async def _grant(_: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    return await revocation.end_grant(tx, target.name, by)


async def _user(_: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    return await revocation.sign_out_user(tx, target.name, by)


async def _client(_: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    return await revocation.end_everything_of_client(tx, target.name, by)


async def _api(_: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    return await revocation.end_tokens_of_api(tx, target.name, by)


async def _mint_right(_: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    return await revocation.withdraw_right(tx, target.name, by)


async def _key(authority: Authority, tx: Transaction, target: Target, by: Actor) -> Ending:
    if not (await find_key(tx, target.name)).is_published(tx.now):
        return await nothing_ended(tx)
    await authority.rotation.withdraw(tx, target.name, by)
    position, _ = await tx.notices.head()
    return Ending(0, 0, position)


ENDINGS: Final[Mapping[Ends, Way]] = MappingProxyType(
    {
        Ends.TOKEN: Way(foreseeing.of_token, _token),
        Ends.FAMILY: Way(foreseeing.of_family, _family),
        Ends.SESSION: Way(foreseeing.of_session, _session),
        Ends.REMEMBERED: Way(foreseeing.of_remembered, _remembered),
        Ends.APP_SESSIONS: Way(foreseeing.of_app_sessions, _app_sessions),
        Ends.GRANT: Way(foreseeing.of_grant, _grant),
        Ends.USER: Way(foreseeing.of_user, _user),
        Ends.CLIENT: Way(foreseeing.of_client, _client),
        Ends.API: Way(foreseeing.of_api, _api),
        Ends.PERSONAL_TOKEN: Way(foreseeing.of_personal_token, _personal_token),
        Ends.MINT_RIGHT: Way(foreseeing.of_mint_right, _mint_right),
        Ends.KEY: Way(foreseeing.of_key, _key),
    }
)
