"""What limited tokens may still do, and what guards have taken of it."""

from typing import Final

from counterfoil.oauth.revocations import Marks
from counterfoil.server.records.allowance import Allowance, Outcome, Owner, Return, Take, Taken
from counterfoil.server.records.listing import Part
from counterfoil.server.storage.connection import Connection, Row
from counterfoil.server.storage.statements.json_text import json_text, marks_from

_ADD: Final = """
INSERT INTO allowances (jti, name, total, taken, granted, subject, family_id, client_id,
    client_generation, audience, api_generation, kid, issued_at, parents, expires_at, kept_until,
    draws_on)
VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT jti, name, total, taken, subject, family_id, client_id, client_generation, audience,
    api_generation, kid, issued_at, parents, expires_at, kept_until, draws_on
FROM allowances"""
_FIND: Final = f"{_SELECT} WHERE jti = ? AND name = ?"
_NEWEST: Final = """AND name = ? AND expires_at > ? AND (issued_at, jti) < (?, ?)
ORDER BY issued_at DESC, jti DESC LIMIT ?
"""
_OF_SUBJECT: Final = f"{_SELECT} WHERE subject = ? AND (? = '' OR client_id = ?) {_NEWEST}"
_OF_CLIENT: Final = f"{_SELECT} WHERE client_id = ? {_NEWEST}"
_SPEND: Final = """
UPDATE allowances
SET granted = CASE WHEN total - taken < ? THEN total - taken ELSE ? END,
    taken = CASE WHEN total - taken < ? THEN total ELSE taken + ? END
WHERE jti = ? AND name = ? AND expires_at > ? AND total - taken >= ?
RETURNING granted, total - taken, kept_until
"""
_NOTE: Final = """
INSERT INTO takes (jti, name, key, taker, amount, least, purpose, granted, returned, kept_until)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)
ON CONFLICT (jti, name, key) DO NOTHING
"""
_NOTED: Final = """
SELECT takes.taker, takes.amount, takes.least, takes.purpose, takes.granted,
    allowances.total - allowances.taken
FROM takes JOIN allowances ON allowances.jti = takes.jti AND allowances.name = takes.name
WHERE takes.jti = ? AND takes.name = ? AND takes.key = ?
"""
_GIVE_BACK: Final = """
UPDATE takes SET returned = ?
WHERE jti = ? AND name = ? AND key = ? AND taker = ? AND returned = 0 AND granted >= ?
"""
_UNSPEND: Final = "UPDATE allowances SET taken = taken - ? WHERE jti = ? AND name = ?"
_SWEEP: Final = """
DELETE FROM allowances WHERE (jti, name) IN (
    SELECT jti, name FROM allowances WHERE kept_until <= ? ORDER BY kept_until LIMIT ?)
"""
_SWEEP_TAKES: Final = """
DELETE FROM takes WHERE (jti, name, key) IN (
    SELECT jti, name, key FROM takes WHERE kept_until <= ? ORDER BY kept_until LIMIT ?)
"""


class AllowanceStatements:
    """Keeps the promises of ``Allowances``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, allowance: Allowance) -> None:
        """Add; raises ``Conflict`` where the token has one of that name."""
        marks = allowance.marks
        await self._connection.run(
            _ADD,
            marks.jti,
            allowance.name,
            allowance.total,
            allowance.taken,
            allowance.subject,
            marks.family,
            marks.client_id,
            marks.client_generation,
            marks.audience,
            marks.api_generation,
            marks.kid,
            marks.issued_at,
            json_text(marks.parents),
            allowance.expires_at,
            allowance.kept_until,
            allowance.draws_on,
        )

    async def find(self, jti: str, name: str) -> Allowance | None:
        """Look up by the token's name and its own."""
        row = await self._connection.one(_FIND, jti, name)
        return _allowance(row) if row else None

    async def take(self, take: Take) -> Taken:
        """Take what there is, unless it was taken under this key before."""
        known = await self._noted(take)
        if known is not None:
            return known
        amount, now = take.amount, self._connection.now
        which = take.jti, take.name
        row = await self._connection.one(
            _SPEND, amount, amount, amount, amount, *which, now, take.least
        )
        if row is None:
            # Whoever took the last under this very key may have committed just now.
            return await self._noted(take) or Taken(Outcome.USED_UP)
        granted, left, kept_until = row
        asked = take.key, take.taker, amount, take.least, take.purpose
        if await self._connection.run(_NOTE, *which, *asked, granted, kept_until):
            return Taken(Outcome.GRANTED, granted, left)
        await self._connection.run(_UNSPEND, granted, *which)
        return await self._noted(take) or Taken(Outcome.KEY_REUSED)

    async def give_back(self, back: Return) -> int:
        """Take back what a guard did not use, once."""
        which = back.jti, back.name
        row = back.amount, *which, back.key, back.taker, back.amount
        if not await self._connection.run(_GIVE_BACK, *row):
            return 0
        await self._connection.run(_UNSPEND, back.amount, *which)
        return back.amount

    async def live_of(self, owner: Owner, name: str, part: Part) -> list[Allowance]:
        """Those of a name that unexpired tokens of somebody have, newest first."""
        newest = name, self._connection.now, part.at, part.id, part.limit
        client_id = owner.client_id
        if owner.subject:
            of_subject = owner.subject, client_id, client_id
            rows = await self._connection.all(_OF_SUBJECT, *of_subject, *newest)
        else:
            rows = await self._connection.all(_OF_CLIENT, client_id, *newest)
        return [_allowance(row) for row in rows]

    async def sweep(self, limit: int) -> int:
        """Remove what tokens that have expired were allowed, and what was taken of it."""
        now = self._connection.now
        swept = await self._connection.run(_SWEEP, now, limit)
        return swept + await self._connection.run(_SWEEP_TAKES, now, limit)

    async def _noted(self, take: Take) -> Taken | None:
        row = await self._connection.one(_NOTED, take.jti, take.name, take.key)
        if row is None:
            return None
        *asked, granted, left = row
        if asked != [take.taker, take.amount, take.least, take.purpose]:
            return Taken(Outcome.KEY_REUSED)
        return Taken(Outcome.GRANTED, granted, left)


def _allowance(row: Row) -> Allowance:
    jti, name, total, taken, subject, *marks, parents, expires_at, kept_until, draws_on = row
    marks.append(marks_from(parents))
    return Allowance(
        name=name,
        total=total,
        taken=taken,
        marks=Marks(jti, *marks),
        subject=subject,
        expires_at=expires_at,
        kept_until=kept_until,
        draws_on=draws_on,
    )
