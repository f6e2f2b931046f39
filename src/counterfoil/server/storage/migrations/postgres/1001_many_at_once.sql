-- For this engine alone (from 1001 on): transactions run beside one another.

-- What they tell of waits here, to be numbered and chained after their commit.
CREATE TABLE notices_waiting (
    id INTEGER PRIMARY KEY,
    text BLOB NOT NULL,
    until INTEGER NOT NULL,
    token TEXT
) STRICT;
CREATE TABLE events_waiting (
    id INTEGER PRIMARY KEY,
    event TEXT NOT NULL
) STRICT;

-- One row: moves with every change of what processes remember of clients and APIs.
CREATE TABLE registrations (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO registrations (one, version) VALUES (1, 0);
CREATE FUNCTION registrations_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE registrations SET version = version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER clients_changed AFTER INSERT OR UPDATE OR DELETE ON clients
FOR EACH STATEMENT EXECUTE FUNCTION registrations_changed();
CREATE TRIGGER apis_changed AFTER INSERT OR UPDATE OR DELETE ON apis
FOR EACH STATEMENT EXECUTE FUNCTION registrations_changed();
CREATE TRIGGER default_lifetime_changed AFTER INSERT OR UPDATE OR DELETE ON default_lifetime
FOR EACH STATEMENT EXECUTE FUNCTION registrations_changed();
-- When a secret was last used is noted all the time, and nobody remembers it.
CREATE TRIGGER client_secrets_changed
AFTER INSERT OR DELETE OR UPDATE OF id, client_id, digest, created_at, expires_at ON client_secrets
FOR EACH STATEMENT EXECUTE FUNCTION registrations_changed();
