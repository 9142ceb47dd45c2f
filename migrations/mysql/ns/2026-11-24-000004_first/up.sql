-- NS. Ids are 16 raw bytes, times are milliseconds since 1970, the realm is in every key. Rows that come often do not refer to their realm, which is never
-- deleted: each would lock the one row. Texts compare and sort by their code points.

CREATE TABLE realms (
    id           BINARY(16)      NOT NULL,
    name         VARCHAR(255)    NOT NULL,
    display_name TEXT            NOT NULL,
    created_at   BIGINT          NOT NULL,
    settings     MEDIUMTEXT      NOT NULL,
    root_pin     VARBINARY(4096) NOT NULL,
    sealed_root  VARBINARY(4096),
    sealed_qr    VARBINARY(4096) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (name)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Retired keys stay as tombstones: RETRY must know their root.
CREATE TABLE realm_keys (
    realm      BINARY(16)      NOT NULL,
    key_id     BINARY(8)       NOT NULL,
    epoch      BIGINT          NOT NULL,
    public_key VARBINARY(4096) NOT NULL,
    sealed     VARBINARY(4096) NOT NULL,
    statement  VARBINARY(4096) NOT NULL,
    retired_at BIGINT,
    PRIMARY KEY (realm, key_id),
    FOREIGN KEY (realm) REFERENCES realms (id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE clients (
    realm         BINARY(16)   NOT NULL,
    id            BINARY(16)   NOT NULL,
    name          VARCHAR(255) NOT NULL,
    display_name  TEXT         NOT NULL,
    origins       MEDIUMTEXT   NOT NULL,
    return_urls   MEDIUMTEXT   NOT NULL,
    created_at    BIGINT       NOT NULL,
    logo          TEXT,
    callback_urls MEDIUMTEXT   NOT NULL,
    templates     MEDIUMTEXT   NOT NULL,
    PRIMARY KEY (realm, id),
    UNIQUE (realm, name),
    FOREIGN KEY (realm) REFERENCES realms (id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE api_keys (
    id           BINARY(16)   NOT NULL,
    hash         BINARY(32)   NOT NULL,
    role         VARCHAR(255) NOT NULL,
    realm        BINARY(16),
    client       BINARY(16),
    created_at   BIGINT       NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT,
    name         TEXT,
    sources      MEDIUMTEXT   NOT NULL,
    successor    BINARY(16),
    PRIMARY KEY (id),
    UNIQUE (hash)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- A role of one realm, or of all: then `scope` is 16 zero bytes, because NULL is never equal to NULL.
CREATE TABLE roles (
    scope       BINARY(16)   NOT NULL,
    name        VARCHAR(255) NOT NULL,
    permissions MEDIUMTEXT   NOT NULL,
    created_at  BIGINT       NOT NULL,
    PRIMARY KEY (scope, name)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE users (
    realm        BINARY(16)   NOT NULL,
    user_id      VARCHAR(255) NOT NULL,
    display_name TEXT,
    created_at   BIGINT       NOT NULL,
    PRIMARY KEY (realm, user_id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE user_attributes (
    realm   BINARY(16)    NOT NULL,
    user_id VARCHAR(255)  NOT NULL,
    name    VARCHAR(255)  NOT NULL,
    value   VARCHAR(1024) NOT NULL,
    PRIMARY KEY (realm, user_id, name)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE apps (
    realm        BINARY(16)   NOT NULL,
    id           VARCHAR(255) NOT NULL,
    display_name TEXT         NOT NULL,
    min_version  TEXT,
    created_at   BIGINT       NOT NULL,
    PRIMARY KEY (realm, id),
    FOREIGN KEY (realm) REFERENCES realms (id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE accounts (
    realm       BINARY(16)      NOT NULL,
    id          BINARY(16)      NOT NULL,
    user_id     VARCHAR(255)    NOT NULL,
    app         VARCHAR(255)    NOT NULL,
    device      TEXT            NOT NULL,
    jkt         BINARY(32)      NOT NULL,
    public_key  VARBINARY(4096) NOT NULL,
    state       INTEGER         NOT NULL,
    created_at  BIGINT          NOT NULL,
    blocked_by  TEXT,
    app_version TEXT,
    PRIMARY KEY (realm, id),
    UNIQUE (realm, jkt)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE enrolments (
    realm      BINARY(16)   NOT NULL,
    id         BINARY(16)   NOT NULL,
    client     BINARY(16)   NOT NULL,
    user_id    VARCHAR(255) NOT NULL,
    code_hash  BINARY(32)   NOT NULL,
    confirm    VARCHAR(255) NOT NULL,
    created_at BIGINT       NOT NULL,
    expires_at BIGINT       NOT NULL,
    state      VARCHAR(255) NOT NULL,
    tries_left INTEGER      NOT NULL,
    account    BINARY(16),
    jkt        BINARY(32),
    req_id     BINARY(16),
    device     TEXT,
    number     TEXT,
    approval   TEXT,
    PRIMARY KEY (realm, id),
    UNIQUE (realm, code_hash)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The one terminal fact of a login. The INSERT has one winner; rows are never changed, but for names that are erased.
CREATE TABLE outcomes (
    realm      BINARY(16)   NOT NULL,
    id         BINARY(16)   NOT NULL,
    state      INTEGER      NOT NULL,
    reason     TEXT,
    account    BINARY(16),
    user_id    VARCHAR(255),
    by_link    BOOLEAN      NOT NULL,
    decision   TEXT,
    req_id     BINARY(16),
    decided_at BIGINT       NOT NULL,
    redeem_by  BIGINT       NOT NULL,
    ends_at    BIGINT       NOT NULL,
    login      MEDIUMTEXT   NOT NULL,
    via        TEXT,
    claimed_at BIGINT,
    PRIMARY KEY (realm, id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE redemptions (
    realm   BINARY(16) NOT NULL,
    login   BINARY(16) NOT NULL,
    at      BIGINT     NOT NULL,
    request BINARY(16),
    PRIMARY KEY (realm, login)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE endings (
    realm    BINARY(16) NOT NULL,
    login    BINARY(16) NOT NULL,
    ended_by TEXT       NOT NULL,
    at       BIGINT     NOT NULL,
    PRIMARY KEY (realm, login)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Keyed requests that made something: the id is derived from the key, the hash is of the body.
CREATE TABLE requests (
    id   BINARY(16) NOT NULL,
    hash BINARY(32) NOT NULL,
    at   BIGINT     NOT NULL,
    PRIMARY KEY (id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Who did what. `seq` is given later, in the order of the commits: NULL until then.
CREATE TABLE trail (
    id      BINARY(16)   NOT NULL,
    seq     BIGINT,
    realm   BINARY(16),
    at      BIGINT       NOT NULL,
    actor   VARCHAR(255) NOT NULL,
    action  VARCHAR(255) NOT NULL,
    object  VARCHAR(255) NOT NULL,
    client  BINARY(16),
    user_id VARCHAR(255),
    detail  TEXT,
    PRIMARY KEY (id),
    UNIQUE (seq)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The last `seq` of the trail; the oldest schema a program must know to work here.
CREATE TABLE counters (
    name VARCHAR(255) NOT NULL,
    n    BIGINT       NOT NULL,
    PRIMARY KEY (name)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX user_attributes_by_value ON user_attributes (realm, name, value(255));
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
