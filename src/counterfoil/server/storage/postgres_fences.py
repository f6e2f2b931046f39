"""The fence on PostgreSQL: one row, and while it shuts, triggers through which nobody writes."""

from typing import Final

from counterfoil.server.storage.connection import Row
from counterfoil.server.storage.statements.fences import FenceStatements

SHUT_STATE: Final = "CF001"
"""The SQLSTATE with which the engine refuses whoever writes."""

_TABLES: Final = """
SELECT tablename FROM pg_tables
WHERE schemaname = current_schema() AND tablename <> 'fence' ORDER BY tablename
"""
_STANDING: Final = """
SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE tgname IN ('shut', 'shut_whole') AND relnamespace = current_schema()::regnamespace
ORDER BY relname, tgname
"""


class PostgresFences(FenceStatements):
    """Reads and moves the fence. To put it is to wait for whoever writes at the moment."""

    async def _shut(self) -> None:
        for (table,) in await self._connection.all(_TABLES):
            # Each row, so that a statement that finds none changes nothing and is let through.
            await self._connection.run(
                f"CREATE TRIGGER shut BEFORE INSERT OR UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION database_is_shut()"
            )
            await self._connection.run(
                f"CREATE TRIGGER shut_whole BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION database_is_shut()"
            )

    async def _standing(self) -> list[Row]:
        return await self._connection.all(_STANDING)

    async def _open(self) -> None:
        for trigger, table in await self._standing():
            await self._connection.run(f"DROP TRIGGER {trigger} ON {table}")
