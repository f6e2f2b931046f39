-- For this engine alone (from 1001 on).

-- One row: moves with every change of what processes remember of clients, APIs and lifetimes, so
-- that a commit of anything else does not make them read all that anew.
CREATE TABLE registrations (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO registrations (one, version) VALUES (1, 0);
CREATE TRIGGER clients_added AFTER INSERT ON clients
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER clients_changed AFTER UPDATE ON clients
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER clients_removed AFTER DELETE ON clients
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER client_secrets_added AFTER INSERT ON client_secrets
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER client_secrets_changed AFTER UPDATE ON client_secrets
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER client_secrets_removed AFTER DELETE ON client_secrets
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER apis_added AFTER INSERT ON apis
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER apis_changed AFTER UPDATE ON apis
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER apis_removed AFTER DELETE ON apis
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER default_lifetime_added AFTER INSERT ON default_lifetime
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER default_lifetime_changed AFTER UPDATE ON default_lifetime
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER default_lifetime_removed AFTER DELETE ON default_lifetime
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER refresh_limits_added AFTER INSERT ON refresh_limits
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER refresh_limits_changed AFTER UPDATE ON refresh_limits
BEGIN UPDATE registrations SET version = version + 1; END;
CREATE TRIGGER refresh_limits_removed AFTER DELETE ON refresh_limits
BEGIN UPDATE registrations SET version = version + 1; END;
