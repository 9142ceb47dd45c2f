-- SFS, first schema. Ids are 16 raw bytes, times are milliseconds since 1970.

-- Who this server is: one row.
CREATE TABLE server (
    one         INTEGER NOT NULL PRIMARY KEY,
    id          BLOB    NOT NULL,
    created_at  BIGINT  NOT NULL,
    root_pin    BLOB    NOT NULL,
    sealed_root BLOB
);

-- Retired keys stay as tombstones: RETRY must know their root.
CREATE TABLE server_keys (
    key_id     BLOB   NOT NULL PRIMARY KEY,
    epoch      BIGINT NOT NULL,
    public_key BLOB   NOT NULL,
    sealed     BLOB   NOT NULL,
    statement  BLOB   NOT NULL,
    retired_at BIGINT
) WITHOUT ROWID;

-- Who did what. `seq` is given later, in the order of the commits: NULL until then.
CREATE TABLE trail (
    id     BLOB    NOT NULL PRIMARY KEY,
    seq    BIGINT  UNIQUE,
    at     BIGINT  NOT NULL,
    actor  TEXT    NOT NULL,
    action TEXT    NOT NULL,
    object TEXT    NOT NULL,
    detail TEXT,
    class  INTEGER NOT NULL
);

-- The last `seq` of the trail; the oldest schema a program must know to work here.
CREATE TABLE counters (
    name TEXT   NOT NULL PRIMARY KEY,
    n    BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX trail_by_time ON trail (at);

INSERT INTO counters (name, n) VALUES ('trail', 0), ('oldest_schema', 1);
