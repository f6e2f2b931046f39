"""What a migration that only adds may say, in the words of either engine."""

import re

COMMENT = re.compile(r"--[^\n]*")
NEW_TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)
ADDED = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", re.IGNORECASE)
CONSTRAINS = re.compile(r"\b(UNIQUE|CHECK|REFERENCES|PRIMARY KEY|GENERATED)\b", re.IGNORECASE)
RAISES = re.compile(r"\bRAISE\b", re.IGNORECASE)


def statements_in(sql: str) -> list[str]:
    """Split a text; the body of a trigger or a function is one statement with its head."""
    found, rest = [], ""
    for part in COMMENT.sub("", sql).split(";"):
        rest += part
        inside = rest.count("$$") % 2 == 1 or is_open_trigger(rest)
        if not inside:
            found.append(" ".join(rest.split()))
            rest = ""
        else:
            rest += ";"
    return [each for each in [*found, " ".join(rest.split())] if each]


def is_open_trigger(text: str) -> bool:
    """Whether the body of one of SQLite's triggers was begun and not ended."""
    words = re.findall(r"\w+", text.upper())
    begins = "TRIGGER" in words and "BEGIN" in words and "$$" not in text
    return begins and words[-1] != "END"


def wrong_in(sql: str) -> list[str]:
    """Give the statements that would be in the way of older servers."""
    statements = statements_in(sql)
    made = {found[1] for each in statements if (found := NEW_TABLE.match(each))}
    added = {(found[1], found[2]) for each in statements if (found := ADDED.match(each))}
    raising = {
        found[1]
        for each in statements
        if (found := re.match(r"CREATE FUNCTION (\w+)", each)) and RAISES.search(each)
    }
    return [
        each
        for each in statements
        if not only_adds(each, made, added) or (calls_any_of(each, raising, made))
    ]


def calls_any_of(statement: str, raising: set[str], made: set[str]) -> bool:
    """Whether a trigger stops whoever writes to a table that older servers write to."""
    found = re.search(r"EXECUTE FUNCTION (\w+)", statement)
    return found is not None and found[1] in raising and not on_any_of(statement, made)


def only_adds(statement: str, made: set[str], added: set[tuple[str, str]]) -> bool:
    """Whether a statement makes something new, or concerns nothing but what this file made."""
    upper = statement.upper()
    if NEW_TABLE.match(statement):
        return True
    if ADDED.match(statement):
        needs_value = "NOT NULL" in upper and "DEFAULT" not in upper
        return not needs_value and CONSTRAINS.search(statement) is None
    if (found := re.match(r"CREATE (UNIQUE )?INDEX \w+ ON (\w+)", statement)) is not None:
        return not found[1] or found[2] in made
    if re.match(r"CREATE FUNCTION \w+", statement):
        return True  # it does nothing until somebody calls it
    if re.match(r"CREATE TRIGGER \w+", statement):
        return RAISES.search(statement) is None or on_any_of(statement, made)
    if (found := re.match(r"INSERT INTO (\w+)", statement)) is not None:
        return found[1] in made
    if (found := re.match(r"UPDATE (\w+) SET (\w+) = [^,]*$", statement)) is not None:
        return found[1] in made or (found[1], found[2]) in added
    return False


def on_any_of(statement: str, tables: set[str]) -> bool:
    found = re.search(r"\bON (\w+)", statement)
    return found is not None and found[1] in tables
