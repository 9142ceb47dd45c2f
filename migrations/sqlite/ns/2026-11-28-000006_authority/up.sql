-- Authority: who made a key, who let a phone in, who took one away; and how long each row of the trail is kept.

-- Keys in the same hands have one lineage. Of keys from before nobody knows who made them.
ALTER TABLE api_keys ADD COLUMN lineage BLOB;

-- Whose enrolments a client accepts: a list of client ids; everybody's where it is NULL or empty.
ALTER TABLE clients ADD COLUMN accepts TEXT;

ALTER TABLE enrolments ADD COLUMN created_by TEXT;
CREATE INDEX enrolments_by_account ON enrolments (realm, account);
CREATE INDEX enrolments_by_user ON enrolments (realm, user_id);

ALTER TABLE accounts ADD COLUMN blocked_authority INTEGER;
ALTER TABLE accounts ADD COLUMN enrolled_client BLOB;
ALTER TABLE accounts ADD COLUMN enrolled_by TEXT;
ALTER TABLE accounts ADD COLUMN confirmed_by TEXT;
-- In whose hands the key was that let it in.
ALTER TABLE accounts ADD COLUMN confirmed_lineage BLOB;
ALTER TABLE accounts ADD COLUMN confirmed_at BIGINT;
ALTER TABLE accounts ADD COLUMN confirmed_way TEXT;
ALTER TABLE accounts ADD COLUMN recovered_at BIGINT;
ALTER TABLE accounts ADD COLUMN active_from BIGINT;
ALTER TABLE accounts ADD COLUMN rules_from BIGINT;
-- How many phones of its user came after it, and how many of them it has seen in the list.
ALTER TABLE accounts ADD COLUMN phones_came INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN phones_seen INTEGER NOT NULL DEFAULT 0;

-- What is known of accounts from before: 2 is active, 3 blocked, 4 deleted.
UPDATE accounts SET
    enrolled_client = (SELECT e.client FROM enrolments e WHERE e.realm = accounts.realm AND e.account = accounts.id LIMIT 1),
    confirmed_way = (SELECT e.confirm FROM enrolments e WHERE e.realm = accounts.realm AND e.account = accounts.id LIMIT 1);
UPDATE accounts SET confirmed_at = created_at WHERE state IN (2, 3) OR (state = 4 AND EXISTS (
    SELECT 1 FROM enrolments e WHERE e.realm = accounts.realm AND e.account = accounts.id AND e.state = 'confirmed'));

-- Keys that took a user's phone away since the last one was let in; under a keyed hash of the user's name, which stays when the name is erased.
CREATE TABLE closings (
    realm     BLOB NOT NULL,
    user_hash BLOB NOT NULL,
    account   BLOB NOT NULL,
    lineage   BLOB NOT NULL,
    authority INTEGER NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (realm, user_hash, account, lineage)
) WITHOUT ROWID;

CREATE TABLE holds (
    realm     BLOB NOT NULL,
    user_id   TEXT NOT NULL,
    reason    TEXT,
    placed_by TEXT NOT NULL,
    authority INTEGER NOT NULL,
    placed_at BIGINT NOT NULL,
    PRIMARY KEY (realm, user_id)
) WITHOUT ROWID;

-- How long a row is kept: 0 hours, 1 as long as the trail, 2 as long as evidence, 3 always.
ALTER TABLE trail ADD COLUMN class INTEGER NOT NULL DEFAULT 1;
UPDATE trail SET class = 2 WHERE action LIKE 'login.%' OR action LIKE 'account.%' OR action LIKE 'enrolment.%' OR action IN ('user.erased', 'user.deleted');
UPDATE trail SET class = 0 WHERE action IN ('login.expired', 'login.cancelled') AND user_id IS NULL;
CREATE INDEX trail_by_class ON trail (realm, class, at);
DROP INDEX trail_by_time;

-- Whether there is, or was, a root key: the program makes one only where there never was one. A realm means that there was.
INSERT INTO counters (name, n) SELECT 'root_key', CASE WHEN EXISTS (SELECT 1 FROM api_keys WHERE role = 'root') OR EXISTS (SELECT 1 FROM realms) THEN 1 ELSE 0 END;
