-- One row once a copy was made of this database, or it is one: whether it may be read and written.

CREATE TABLE fence (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    state TEXT NOT NULL,
    move TEXT NOT NULL,
    other TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT;

-- Triggers that call it stand only while the database is shut.
CREATE FUNCTION database_is_shut() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'this database is shut: its table fence says why' USING ERRCODE = 'CF001';
END $$;
