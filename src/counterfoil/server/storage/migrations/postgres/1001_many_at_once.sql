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
-- Once in a transaction, and before the rows themselves are locked: so nobody waits in a circle.
CREATE FUNCTION registrations_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('counterfoil.changed_in', true) IS DISTINCT FROM pg_current_xact_id()::text
    THEN
        UPDATE registrations SET version = version + 1;
        PERFORM set_config('counterfoil.changed_in', pg_current_xact_id()::text, true);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER clients_change BEFORE INSERT OR UPDATE OR DELETE ON clients
FOR EACH STATEMENT EXECUTE FUNCTION registrations_changed();
CREATE TRIGGER client_secrets_change BEFORE INSERT OR UPDATE ON client_secrets
FOR EACH STATEMENT EXECUTE FUNCTION registrations_changed();
-- Sweeping, which mostly finds nothing, changes nothing then.
CREATE TRIGGER client_secrets_go AFTER DELETE ON client_secrets
FOR EACH ROW EXECUTE FUNCTION registrations_changed();
CREATE TRIGGER apis_change BEFORE INSERT OR UPDATE OR DELETE ON apis
FOR EACH STATEMENT EXECUTE FUNCTION registrations_changed();
CREATE TRIGGER default_lifetime_change BEFORE INSERT OR UPDATE OR DELETE ON default_lifetime
FOR EACH STATEMENT EXECUTE FUNCTION registrations_changed();
