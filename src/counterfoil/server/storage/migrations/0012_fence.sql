-- One row once a copy was made of this database, or it is one: whether it may be read and written.

CREATE TABLE fence (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    state TEXT NOT NULL,
    move TEXT NOT NULL,
    other TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT;
