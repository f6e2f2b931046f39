"""The next version, as the tests of this one imagine it: its migrations and its statements.

It adds columns to every table and a table of its own; then a contract demands one of the columns,
which only the next version fills. Run as a program, it is the command line of that version.
"""

import re
from collections.abc import Callable

from counterfoil.server.storage import migration
from counterfoil.server.storage.statements import authorizations

EXPAND, CONTRACT = "0901_more_of_everything.sql", "0902_codes_know_more.sql"
REAL = migration.shipped
HEAD = "-- contract: servers that know 0901, of version 99.1 or newer, may serve after this.\n"
ON_SQLITE = """
CREATE TRIGGER codes_know_more BEFORE INSERT ON authorizations WHEN NEW.later IS NULL
BEGIN
    SELECT RAISE(ABORT, 'a server that is too old adds a code');
END;
"""
ON_POSTGRES = """
UPDATE authorizations SET later = '' WHERE later IS NULL;
ALTER TABLE authorizations ALTER COLUMN later SET NOT NULL;
"""
OLD_INSERT, NEW_INSERT = "authorizations (digest,", "authorizations (later, digest,"


def shipped(beside: str = "") -> list[migration.Migration]:
    """What the next version ships for an engine."""
    taken = ON_POSTGRES if beside == "postgres" else ON_SQLITE
    texts = {EXPAND: expand(REAL(beside)), CONTRACT: HEAD + taken}
    return [*REAL(beside), *migration.from_texts(texts)]


def expand(before: list[migration.Migration]) -> str:
    """Two more columns for every table."""
    made = {name for each in before for name in re.findall(r"CREATE TABLE (\w+)", each.sql)}
    added = [
        f"ALTER TABLE {name} ADD COLUMN later TEXT;\n"
        f"ALTER TABLE {name} ADD COLUMN later_number INTEGER NOT NULL DEFAULT 7;\n"
        for name in sorted(made | {"migrations"})
    ]
    table = "CREATE TABLE later (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;\n"
    return "".join([*added, table, "CREATE INDEX families_by_later ON families (later);\n"])


def become(set_attribute: Callable[[object, str, object], None] = setattr) -> None:
    """Let this process be of the next version."""
    old = authorizations._ADD
    assert OLD_INSERT in old
    new = old.replace(OLD_INSERT, NEW_INSERT).replace("VALUES (?", "VALUES ('more', ?")
    assert new.count("'more'") == 1
    set_attribute(authorizations, "_ADD", new)
    set_attribute(migration, "shipped", shipped)


if __name__ == "__main__":
    from counterfoil.cli import main

    become()
    main()
