-- A session of which something was noticed: its person shows anew who they are (S107).
ALTER TABLE sessions ADD COLUMN doubted_at INTEGER;

-- What is known of how people sign in (S108): a row for each person, of bounded size, as JSON. It
-- leaves with its person, or when nobody has signed in for so long that it matters no more.

CREATE TABLE habits (
    user_id TEXT PRIMARY KEY,
    known TEXT NOT NULL,
    last_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX habits_by_age ON habits (last_at);
