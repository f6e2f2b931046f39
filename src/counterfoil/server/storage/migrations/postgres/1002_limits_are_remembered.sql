-- For this engine alone: processes remember the limits of refreshing too.
CREATE TRIGGER refresh_limits_change BEFORE INSERT OR UPDATE OR DELETE ON refresh_limits
FOR EACH STATEMENT EXECUTE FUNCTION registrations_changed();
