-- NS. Ids are 16 raw bytes, times are milliseconds since 1970, the realm is in every key. Rows that come often do not refer to their realm, which is never
-- deleted: each would lock the one row. Texts compare and sort by their bytes.

CREATE TABLE realms (
    id           BYTEA            NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT           NOT NULL,
    settings     TEXT COLLATE "C" NOT NULL,
    root_pin     BYTEA            NOT NULL,
    sealed_root  BYTEA,
    sealed_qr    BYTEA            NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (name)
);

-- Retired keys stay as tombstones: RETRY must know their root.
CREATE TABLE realm_keys (
    realm      BYTEA  NOT NULL,
    key_id     BYTEA  NOT NULL,
    epoch      BIGINT NOT NULL,
    public_key BYTEA  NOT NULL,
    sealed     BYTEA  NOT NULL,
    statement  BYTEA  NOT NULL,
    retired_at BIGINT,
    PRIMARY KEY (realm, key_id),
    FOREIGN KEY (realm) REFERENCES realms (id)
);

CREATE TABLE clients (
    realm         BYTEA            NOT NULL,
    id            BYTEA            NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    display_name  TEXT COLLATE "C" NOT NULL,
    origins       TEXT COLLATE "C" NOT NULL,
    return_urls   TEXT COLLATE "C" NOT NULL,
    created_at    BIGINT           NOT NULL,
    logo          TEXT COLLATE "C",
    callback_urls TEXT COLLATE "C" NOT NULL,
    templates     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (realm, id),
    UNIQUE (realm, name),
    FOREIGN KEY (realm) REFERENCES realms (id)
);

CREATE TABLE api_keys (
    id           BYTEA            NOT NULL,
    hash         BYTEA            NOT NULL,
    role         TEXT COLLATE "C" NOT NULL,
    realm        BYTEA,
    client       BYTEA,
    created_at   BIGINT           NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT,
    name         TEXT COLLATE "C",
    sources      TEXT COLLATE "C" NOT NULL,
    successor    BYTEA,
    PRIMARY KEY (id),
    UNIQUE (hash)
);

-- A role of one realm, or of all: then `scope` is 16 zero bytes, because NULL is never equal to NULL.
CREATE TABLE roles (
    scope       BYTEA            NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    permissions TEXT COLLATE "C" NOT NULL,
    created_at  BIGINT           NOT NULL,
    PRIMARY KEY (scope, name)
);

CREATE TABLE users (
    realm        BYTEA            NOT NULL,
    user_id      TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C",
    created_at   BIGINT           NOT NULL,
    PRIMARY KEY (realm, user_id)
);

CREATE TABLE user_attributes (
    realm   BYTEA            NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    value   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (realm, user_id, name)
);

CREATE TABLE apps (
    realm        BYTEA            NOT NULL,
    id           TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL,
    min_version  TEXT COLLATE "C",
    created_at   BIGINT           NOT NULL,
    PRIMARY KEY (realm, id),
    FOREIGN KEY (realm) REFERENCES realms (id)
);

CREATE TABLE accounts (
    realm       BYTEA            NOT NULL,
    id          BYTEA            NOT NULL,
    user_id     TEXT COLLATE "C" NOT NULL,
    app         TEXT COLLATE "C" NOT NULL,
    device      TEXT COLLATE "C" NOT NULL,
    jkt         BYTEA            NOT NULL,
    public_key  BYTEA            NOT NULL,
    state       INTEGER          NOT NULL,
    created_at  BIGINT           NOT NULL,
    blocked_by  TEXT COLLATE "C",
    app_version TEXT COLLATE "C",
    PRIMARY KEY (realm, id),
    UNIQUE (realm, jkt)
);

CREATE TABLE enrolments (
    realm      BYTEA            NOT NULL,
    id         BYTEA            NOT NULL,
    client     BYTEA            NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    code_hash  BYTEA            NOT NULL,
    confirm    TEXT COLLATE "C" NOT NULL,
    created_at BIGINT           NOT NULL,
    expires_at BIGINT           NOT NULL,
    state      TEXT COLLATE "C" NOT NULL,
    tries_left INTEGER          NOT NULL,
    account    BYTEA,
    jkt        BYTEA,
    req_id     BYTEA,
    device     TEXT COLLATE "C",
    number     TEXT COLLATE "C",
    approval   TEXT COLLATE "C",
    PRIMARY KEY (realm, id),
    UNIQUE (realm, code_hash)
);

-- The one terminal fact of a login. The INSERT has one winner; rows are never changed, but for names that are erased.
CREATE TABLE outcomes (
    realm      BYTEA            NOT NULL,
    id         BYTEA            NOT NULL,
    state      INTEGER          NOT NULL,
    reason     TEXT COLLATE "C",
    account    BYTEA,
    user_id    TEXT COLLATE "C",
    by_link    BOOLEAN          NOT NULL,
    decision   TEXT COLLATE "C",
    req_id     BYTEA,
    decided_at BIGINT           NOT NULL,
    redeem_by  BIGINT           NOT NULL,
    ends_at    BIGINT           NOT NULL,
    login      TEXT COLLATE "C" NOT NULL,
    via        TEXT COLLATE "C",
    claimed_at BIGINT,
    PRIMARY KEY (realm, id)
);

CREATE TABLE redemptions (
    realm   BYTEA  NOT NULL,
    login   BYTEA  NOT NULL,
    at      BIGINT NOT NULL,
    request BYTEA,
    PRIMARY KEY (realm, login)
);

CREATE TABLE endings (
    realm    BYTEA            NOT NULL,
    login    BYTEA            NOT NULL,
    ended_by TEXT COLLATE "C" NOT NULL,
    at       BIGINT           NOT NULL,
    PRIMARY KEY (realm, login)
);

-- Keyed requests that made something: the id is derived from the key, the hash is of the body.
CREATE TABLE requests (
    id   BYTEA  NOT NULL,
    hash BYTEA  NOT NULL,
    at   BIGINT NOT NULL,
    PRIMARY KEY (id)
);

-- Who did what. `seq` is given later, in the order of the commits: NULL until then.
CREATE TABLE trail (
    id      BYTEA            NOT NULL,
    seq     BIGINT,
    realm   BYTEA,
    at      BIGINT           NOT NULL,
    actor   TEXT COLLATE "C" NOT NULL,
    action  TEXT COLLATE "C" NOT NULL,
    object  TEXT COLLATE "C" NOT NULL,
    client  BYTEA,
    user_id TEXT COLLATE "C",
    detail  TEXT COLLATE "C",
    PRIMARY KEY (id),
    UNIQUE (seq)
);

-- The last `seq` of the trail; the oldest schema a program must know to work here.
CREATE TABLE counters (
    name TEXT COLLATE "C" NOT NULL,
    n    BIGINT           NOT NULL,
    PRIMARY KEY (name)
);

CREATE INDEX user_attributes_by_value ON user_attributes (realm, name, value);
CREATE INDEX accounts_by_user ON accounts (realm, user_id);
CREATE INDEX outcomes_by_account ON outcomes (realm, account, ends_at);
CREATE INDEX outcomes_by_user ON outcomes (realm, user_id, ends_at);
CREATE INDEX outcomes_by_end ON outcomes (realm, ends_at);
CREATE INDEX requests_by_time ON requests (at);
CREATE INDEX trail_by_realm ON trail (realm, seq);
CREATE INDEX trail_by_user ON trail (realm, user_id);
CREATE INDEX trail_by_object ON trail (object);
CREATE INDEX trail_by_time ON trail (realm, at);

INSERT INTO counters (name, n) VALUES ('trail', 0), ('oldest_schema', 4);
