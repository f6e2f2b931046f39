-- Whether an access token has ended already can be asked without reading every notice.

ALTER TABLE notices ADD COLUMN token TEXT;
CREATE INDEX notices_of_token ON notices (token) WHERE token IS NOT NULL;
