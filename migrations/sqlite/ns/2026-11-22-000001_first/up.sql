-- NS, first schema. Ids are 16 raw bytes, times are milliseconds since 1970, the realm is in every key.

CREATE TABLE realms (
    id           BLOB   NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL UNIQUE,
    display_name TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    settings     TEXT   NOT NULL,
    root_pin     BLOB   NOT NULL,
    sealed_root  BLOB,
    sealed_qr    BLOB   NOT NULL
);

-- Retired keys stay as tombstones: RETRY must know their root.
CREATE TABLE realm_keys (
    realm      BLOB   NOT NULL REFERENCES realms (id),
    key_id     BLOB   NOT NULL,
    epoch      BIGINT NOT NULL,
    public_key BLOB   NOT NULL,
    sealed     BLOB   NOT NULL,
    statement  BLOB   NOT NULL,
    retired_at BIGINT,
    PRIMARY KEY (realm, key_id)
) WITHOUT ROWID;

CREATE TABLE clients (
    realm        BLOB   NOT NULL REFERENCES realms (id),
    id           BLOB   NOT NULL,
    name         TEXT   NOT NULL,
    display_name TEXT   NOT NULL,
    origins      TEXT   NOT NULL,
    return_urls  TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (realm, id),
    UNIQUE (realm, name)
);

CREATE TABLE api_keys (
    id           BLOB   NOT NULL PRIMARY KEY,
    hash         BLOB   NOT NULL UNIQUE,
    role         TEXT   NOT NULL,
    realm        BLOB,
    client       BLOB,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT
);

CREATE TABLE users (
    realm        BLOB   NOT NULL REFERENCES realms (id),
    user_id      TEXT   NOT NULL,
    display_name TEXT,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (realm, user_id)
);

CREATE TABLE accounts (
    realm      BLOB    NOT NULL REFERENCES realms (id),
    id         BLOB    NOT NULL,
    user_id    TEXT    NOT NULL,
    app        TEXT    NOT NULL,
    device     TEXT    NOT NULL,
    jkt        BLOB    NOT NULL,
    public_key BLOB    NOT NULL,
    state      INTEGER NOT NULL,
    created_at BIGINT  NOT NULL,
    PRIMARY KEY (realm, id),
    UNIQUE (realm, jkt)
);
CREATE INDEX accounts_by_user ON accounts (realm, user_id);

CREATE TABLE enrolments (
    realm      BLOB    NOT NULL REFERENCES realms (id),
    id         BLOB    NOT NULL,
    client     BLOB    NOT NULL,
    user_id    TEXT    NOT NULL,
    code_hash  BLOB    NOT NULL,
    confirm    TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    expires_at BIGINT  NOT NULL,
    state      TEXT    NOT NULL,
    tries_left INTEGER NOT NULL,
    account    BLOB,
    jkt        BLOB,
    req_id     BLOB,
    device     TEXT,
    number     TEXT,
    PRIMARY KEY (realm, id),
    UNIQUE (realm, code_hash)
);

-- The one terminal fact of a login. The INSERT has one winner; rows are never changed.
CREATE TABLE outcomes (
    realm      BLOB    NOT NULL REFERENCES realms (id),
    id         BLOB    NOT NULL,
    state      INTEGER NOT NULL,
    reason     TEXT,
    account    BLOB,
    user_id    TEXT,
    by_link    BOOLEAN NOT NULL,
    decision   TEXT,
    req_id     BLOB,
    decided_at BIGINT  NOT NULL,
    redeem_by  BIGINT  NOT NULL,
    ends_at    BIGINT  NOT NULL,
    login      TEXT    NOT NULL,
    PRIMARY KEY (realm, id)
);
CREATE INDEX outcomes_by_account ON outcomes (realm, account, ends_at);

CREATE TABLE redemptions (
    realm BLOB   NOT NULL,
    login BLOB   NOT NULL,
    at    BIGINT NOT NULL,
    PRIMARY KEY (realm, login)
) WITHOUT ROWID;

CREATE TABLE endings (
    realm    BLOB   NOT NULL,
    login    BLOB   NOT NULL,
    ended_by TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (realm, login)
) WITHOUT ROWID;

CREATE TABLE audit (
    id     BLOB   NOT NULL PRIMARY KEY,
    realm  BLOB,
    at     BIGINT NOT NULL,
    actor  TEXT   NOT NULL,
    action TEXT   NOT NULL,
    object TEXT   NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_by_realm ON audit (realm, at);
