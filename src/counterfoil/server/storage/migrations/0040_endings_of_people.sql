-- How often everything of a person has ended, or all but one browser: half a sign-in from before is
-- over. And how often they said that somebody was not them: whoever has no password is known in a
-- browser under that number.

ALTER TABLE users ADD COLUMN endings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN intrusions INTEGER NOT NULL DEFAULT 0;
