-- Blanks at the end of a text count, as on the other databases. The collation has another name on each server.
SET @collation = IF(VERSION() LIKE '%MariaDB%', 'utf8mb4_nopad_bin', 'utf8mb4_0900_bin');
SET @change = CONCAT('ALTER TABLE realms CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
SET @change = CONCAT('ALTER TABLE clients CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
SET @change = CONCAT('ALTER TABLE api_keys CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
SET @change = CONCAT('ALTER TABLE roles CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
SET @change = CONCAT('ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
SET @change = CONCAT('ALTER TABLE user_attributes CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
SET @change = CONCAT('ALTER TABLE apps CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
SET @change = CONCAT('ALTER TABLE accounts CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
SET @change = CONCAT('ALTER TABLE enrolments CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
SET @change = CONCAT('ALTER TABLE outcomes CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
SET @change = CONCAT('ALTER TABLE trail CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
SET @change = CONCAT('ALTER TABLE counters CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
SET @change = CONCAT('ALTER TABLE holds CONVERT TO CHARACTER SET utf8mb4 COLLATE ', @collation);
PREPARE change_it FROM @change;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;

-- Every list, filter and order has an index that begins with what is filtered and ends with the order.

-- The first part of an action: `login` of `login.approved`.
ALTER TABLE trail ADD COLUMN kind VARCHAR(255) GENERATED ALWAYS AS (SUBSTRING_INDEX(action, '.', 1)) VIRTUAL;
DROP INDEX trail_by_user ON trail;
DROP INDEX trail_by_object ON trail;
CREATE INDEX trail_by_user ON trail (realm, user_id, seq);
CREATE INDEX trail_by_object ON trail (realm, object, seq);
CREATE INDEX trail_by_client ON trail (realm, client, seq);
CREATE INDEX trail_by_kind ON trail (realm, kind, seq);

CREATE INDEX users_by_time ON users (realm, created_at, user_id);

DROP INDEX accounts_by_user ON accounts;
CREATE INDEX accounts_by_user ON accounts (realm, user_id, created_at, id);
CREATE INDEX accounts_by_time ON accounts (realm, created_at, id);
CREATE INDEX accounts_by_state ON accounts (realm, state, created_at, id);
CREATE INDEX accounts_by_app ON accounts (realm, app, created_at, id);

DROP INDEX enrolments_by_user ON enrolments;
CREATE INDEX enrolments_by_user ON enrolments (realm, user_id, created_at, id);
CREATE INDEX enrolments_by_time ON enrolments (realm, created_at, id);
CREATE INDEX enrolments_by_client ON enrolments (realm, client, created_at, id);

DROP INDEX outcomes_by_user ON outcomes;
CREATE INDEX outcomes_by_user ON outcomes (realm, user_id, ends_at, id);

CREATE INDEX api_keys_by_realm ON api_keys (realm, id);
CREATE INDEX api_keys_by_client ON api_keys (client, id);
CREATE INDEX api_keys_by_role ON api_keys (role, id);
