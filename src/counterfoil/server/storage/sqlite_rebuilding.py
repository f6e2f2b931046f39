"""A table made anew, with all that it has by now, in which rows lie in the order they came.

Which columns a table has is asked of the file, and not of a text: a contract may be asked for long
after later migrations have added some.
"""

import re
from typing import Final

import apsw

from counterfoil.server.storage.migration import Rebuilt

_MADE: Final = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?"
_AROUND: Final = """
SELECT sql FROM sqlite_schema
WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL
"""
_NAMES: Final = "SELECT name FROM pragma_table_info(?)"
_BEGINNING: Final = re.compile(r'CREATE TABLE "?\w+"?')
_BY_NAME: Final = re.compile(r",\s*WITHOUT ROWID\s*$")


def rebuild(engine: apsw.Connection, rebuilt: Rebuilt) -> None:
    """Make a table anew, inside the transaction that is open; columns, indexes and triggers stay.

    Raises:
        apsw.Error: the engine failed.
    """
    table, anew = rebuilt.table, f"{rebuilt.table}_anew"
    made: str = engine.execute(_MADE, (table,)).get
    around = [str(sql) for (sql,) in engine.execute(_AROUND, (table,)).fetchall()]
    names = ", ".join(str(name) for (name,) in engine.execute(_NAMES, (table,)).fetchall())
    engine.execute(_BEGINNING.sub(f"CREATE TABLE {anew}", _BY_NAME.sub("", made), count=1))
    in_order = f"SELECT {names} FROM {table} ORDER BY {rebuilt.by}"  # noqa: S608  # names of ours
    engine.execute(f"INSERT INTO {anew} ({names}) {in_order}")
    engine.execute(f"DROP TABLE {table}")
    engine.execute(f"ALTER TABLE {anew} RENAME TO {table}")
    for sql in around:
        engine.execute(sql)
