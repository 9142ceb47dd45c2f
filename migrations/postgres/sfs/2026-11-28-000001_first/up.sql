-- SFS, first schema. Ids are 16 raw bytes, times are milliseconds since 1970.

-- Who this server is: one row.
CREATE TABLE server (
    one         INTEGER NOT NULL,
    id          BYTEA   NOT NULL,
    created_at  BIGINT  NOT NULL,
    root_pin    BYTEA   NOT NULL,
    sealed_root BYTEA,
    PRIMARY KEY (one)
);

-- Retired keys stay as tombstones: RETRY must know their root.
CREATE TABLE server_keys (
    key_id     BYTEA  NOT NULL,
    epoch      BIGINT NOT NULL,
    public_key BYTEA  NOT NULL,
    sealed     BYTEA  NOT NULL,
    statement  BYTEA  NOT NULL,
    retired_at BIGINT,
    PRIMARY KEY (key_id)
);

-- Who did what. `seq` is given later, in the order of the commits: NULL until then.
CREATE TABLE trail (
    id     BYTEA            NOT NULL,
    seq    BIGINT,
    at     BIGINT           NOT NULL,
    actor  TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C",
    class  INTEGER          NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (seq)
);

-- The last `seq` of the trail; the oldest schema a program must know to work here.
CREATE TABLE counters (
    name TEXT COLLATE "C" NOT NULL,
    n    BIGINT           NOT NULL,
    PRIMARY KEY (name)
);

CREATE INDEX trail_by_time ON trail (at);

INSERT INTO counters (name, n) VALUES ('trail', 0), ('oldest_schema', 1);
