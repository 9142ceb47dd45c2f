-- What a review of the whole NS asked for.

-- A key has one successor at a time: rotating again replaces it while it is unused.
ALTER TABLE api_keys ADD COLUMN successor BLOB;

-- Forgetting looks for what is old, realm by realm.
CREATE INDEX trail_by_time ON trail (realm, at);
CREATE INDEX outcomes_by_end ON outcomes (realm, ends_at);

-- A login nobody claimed names a user, too, when it was meant for one.
UPDATE outcomes SET user_id = json_extract(login, '$.expected_user') WHERE user_id IS NULL;
