-- Whether there is another administrator is asked before one goes; people are many, those are few.

CREATE INDEX administrators ON users (id) WHERE is_admin = 1 AND disabled_at IS NULL;
