-- NS whole: roles, attributes, apps, the trail with its order, and more about clients, keys, accounts and enrolments.

ALTER TABLE clients ADD COLUMN logo TEXT;
ALTER TABLE clients ADD COLUMN callback_urls TEXT NOT NULL DEFAULT '[]';
ALTER TABLE clients ADD COLUMN templates TEXT NOT NULL DEFAULT '{}';

-- A role of one realm, or of all: then `scope` is 16 zero bytes, because NULL is never equal to NULL.
CREATE TABLE roles (
    scope       BLOB   NOT NULL,
    name        TEXT   NOT NULL,
    permissions TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (scope, name)
);

ALTER TABLE api_keys ADD COLUMN name TEXT;
ALTER TABLE api_keys ADD COLUMN sources TEXT NOT NULL DEFAULT '[]';

CREATE TABLE user_attributes (
    realm   BLOB NOT NULL,
    user_id TEXT NOT NULL,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (realm, user_id, name)
);
CREATE INDEX user_attributes_by_value ON user_attributes (realm, name, value);

CREATE TABLE apps (
    realm        BLOB   NOT NULL REFERENCES realms (id),
    id           TEXT   NOT NULL,
    display_name TEXT   NOT NULL,
    min_version  TEXT,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (realm, id)
);

ALTER TABLE accounts ADD COLUMN blocked_by TEXT;
ALTER TABLE accounts ADD COLUMN app_version TEXT;

-- What another phone of the user signed to let this one in.
ALTER TABLE enrolments ADD COLUMN approval TEXT;

-- How the login was claimed, and when. `by_link` stays for the release before this one.
ALTER TABLE outcomes ADD COLUMN via TEXT;
ALTER TABLE outcomes ADD COLUMN claimed_at BIGINT;

-- Which keyed request redeemed, so that its repetition gets the same answer.
ALTER TABLE redemptions ADD COLUMN request BLOB;

-- Keyed requests that made something: the id is derived from the key, the hash is of the body.
CREATE TABLE requests (
    id   BLOB   NOT NULL PRIMARY KEY,
    hash BLOB   NOT NULL,
    at   BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX requests_by_time ON requests (at);

-- The trail gets an order of its own: `seq` follows the commits, times need not.
CREATE TABLE trail (
    seq     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id      BLOB    NOT NULL UNIQUE,
    realm   BLOB,
    at      BIGINT  NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    object  TEXT    NOT NULL,
    client  BLOB,
    user_id TEXT,
    detail  TEXT
);
INSERT INTO trail (id, realm, at, actor, action, object) SELECT id, realm, at, actor, action, object FROM audit ORDER BY at, id;
DROP TABLE audit;
CREATE INDEX trail_by_realm ON trail (realm, seq);
CREATE INDEX trail_by_user ON trail (realm, user_id);
CREATE INDEX trail_by_object ON trail (object);
CREATE INDEX outcomes_by_user ON outcomes (realm, user_id, ends_at);
