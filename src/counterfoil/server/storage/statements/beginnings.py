"""Beginning anew: a new epoch, the end of everything that people had begun, other generations."""

from typing import Final

from counterfoil.oauth.feed import first_digest
from counterfoil.server.records.beginnings import Begun
from counterfoil.server.storage.connection import Connection

# Who stands in the epoch before must take a snapshot: the numbers go on, the chain does not.
_BEGIN_EPOCH: Final = "UPDATE feed SET epoch = ?, digest = ?, swept = number"
_END_SESSIONS: Final = "UPDATE sessions SET ended_at = ? WHERE ended_at IS NULL"
_END_GRANTS: Final = "UPDATE grants SET ended_at = ? WHERE ended_at IS NULL"
_END_FAMILIES: Final = """
UPDATE families SET ended_at = ?, ended_why = ? WHERE ended_at IS NULL
"""
_END_PERSONAL: Final = """
UPDATE personal_tokens SET ended_at = ?, ended_why = ? WHERE ended_at IS NULL
"""
_BURN_CODES: Final = "DELETE FROM authorizations WHERE taken_at IS NULL"
# What was answered since is not known: it must not be answered again.
_FORGET_DEVICES: Final = "DELETE FROM device_requests"
# A restored link may have been used since, and its mail lies in a mailbox still.
_FORGET_ACTION_TOKENS: Final = "DELETE FROM action_tokens"
# Nor which of them was shown again since, by whom.
_FORGET_BROWSERS: Final = "DELETE FROM remembered_browsers"
# What has been sent since is not known either: nobody is written to twice.
_FORGET_MAIL: Final = "DELETE FROM outbox"
_FORGET_LOGOUTS: Final = ("DELETE FROM logouts", "DELETE FROM logout_lines")
# Half a sign-in has no row, and one that was over may be good again by the number that stands here.
_END_HALVES: Final = "UPDATE users SET endings = CASE WHEN endings < ? THEN ? ELSE endings + 1 END"
# Nobody knows which of their places were given: what a verifier cannot fetch it must refuse.
_FORGET_LISTS: Final = "DELETE FROM status_lists"
_RAISE: Final = (
    "UPDATE clients SET generation = CASE WHEN generation < ? THEN ? ELSE generation + 1 END",
    "UPDATE apis SET generation = CASE WHEN generation < ? THEN ? ELSE generation + 1 END",
    "UPDATE default_lifetime"
    " SET generation = CASE WHEN generation < ? THEN ? ELSE generation + 1 END",
)
_GREATEST: Final = """
SELECT max(generation) FROM (
    SELECT generation FROM clients UNION ALL SELECT generation FROM apis
    UNION ALL SELECT generation FROM default_lifetime) AS every
"""


class BeginningStatements:
    """Keeps the promises of ``Beginnings``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin_epoch(self, epoch: str) -> None:
        """Let the feed go on in a new epoch."""
        await self._connection.run(_BEGIN_EPOCH, epoch, first_digest(epoch))

    async def end_everything(self, at: int, why: str) -> Begun:
        """End every session, grant, family, code and personal token, and forget every browser.

        No status list is filled any more.
        """
        run = self._connection.run
        sessions = await run(_END_SESSIONS, at)
        grants = await run(_END_GRANTS, at)
        families = await run(_END_FAMILIES, at, why)
        codes = await run(_BURN_CODES)
        personal = await run(_END_PERSONAL, at, why)
        await run(_FORGET_DEVICES)
        await run(_FORGET_ACTION_TOKENS)
        await run(_FORGET_BROWSERS)
        await run(_END_HALVES, at, at)
        await run(_FORGET_MAIL)
        for statement in _FORGET_LOGOUTS:
            await run(statement)
        await run(_FORGET_LISTS)
        return Begun(sessions, grants, families, codes, personal)

    async def raise_generations(self, to: int) -> int:
        """Raise those of every client, API and of userinfo above ``to``; gives the greatest."""
        for statement in _RAISE:
            await self._connection.run(statement, to, to)
        row = await self._connection.one(_GREATEST)
        return row[0] if row and row[0] is not None else to
