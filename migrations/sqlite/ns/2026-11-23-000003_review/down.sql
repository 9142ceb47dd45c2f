UPDATE outcomes SET user_id = NULL WHERE account IS NULL;
DROP INDEX outcomes_by_end;
DROP INDEX trail_by_time;
ALTER TABLE api_keys DROP COLUMN successor;
