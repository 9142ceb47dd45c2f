-- SFS, first schema. Ids are 16 raw bytes, times are milliseconds since 1970.

-- Who this server is: one row.
CREATE TABLE server (
    one         INTEGER    NOT NULL,
    id          BINARY(16) NOT NULL,
    created_at  BIGINT     NOT NULL,
    root_pin    BINARY(32) NOT NULL,
    sealed_root VARBINARY(1000),
    PRIMARY KEY (one)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Retired keys stay as tombstones: RETRY must know their root.
CREATE TABLE server_keys (
    key_id     BINARY(8)       NOT NULL,
    epoch      BIGINT          NOT NULL,
    public_key BINARY(32)      NOT NULL,
    sealed     VARBINARY(1000) NOT NULL,
    statement  VARBINARY(4000) NOT NULL,
    retired_at BIGINT,
    PRIMARY KEY (key_id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Who did what. `seq` is given later, in the order of the commits: NULL until then.
CREATE TABLE trail (
    id     BINARY(16)   NOT NULL,
    seq    BIGINT,
    at     BIGINT       NOT NULL,
    actor  VARCHAR(255) NOT NULL,
    action VARCHAR(255) NOT NULL,
    object VARCHAR(255) NOT NULL,
    detail TEXT,
    class  INTEGER      NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (seq)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The last `seq` of the trail; the oldest schema a program must know to work here.
CREATE TABLE counters (
    name VARCHAR(255) NOT NULL,
    n    BIGINT       NOT NULL,
    PRIMARY KEY (name)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX trail_by_time ON trail (at);

INSERT INTO counters (name, n) VALUES ('trail', 0), ('oldest_schema', 1);
