-- Devices with a PIN, their factors, limits by address, and the keys of attestations.

-- A device is named by the thumbprint of its key. `version` grows with each change; `state` and the
-- meaning of the other columns are in crates/domain-sfs/src/device.rs.
CREATE TABLE devices (
    jkt        BLOB    NOT NULL PRIMARY KEY,
    version    BIGINT  NOT NULL,
    record     BLOB    NOT NULL,
    seed       BLOB    NOT NULL,
    sealed     BLOB    NOT NULL,
    state      INTEGER NOT NULL,
    tries_left INTEGER NOT NULL,
    try_after  BIGINT  NOT NULL,
    open_id    BLOB,
    open_until BIGINT,
    created_at BIGINT  NOT NULL,
    used_at    BIGINT  NOT NULL
) WITHOUT ROWID;

-- What devices are called at accounts elsewhere. A factor goes with its device.
CREATE TABLE factors (
    factor     BLOB   NOT NULL PRIMARY KEY,
    jkt        BLOB   NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

-- How often an origin did something. The key is a MAC of the address.
CREATE TABLE limits (
    key_mac BLOB    NOT NULL PRIMARY KEY,
    n       INTEGER NOT NULL,
    until   BIGINT  NOT NULL
) WITHOUT ROWID;

-- Lists of attestation keys, each signed by the root, each with the newest of its keys.
CREATE TABLE key_lists (
    seq     BIGINT NOT NULL PRIMARY KEY,
    list    TEXT   NOT NULL,
    kid     BLOB   NOT NULL,
    sealed  BLOB   NOT NULL,
    made_at BIGINT NOT NULL
);

CREATE INDEX devices_by_use ON devices (used_at);
CREATE INDEX factors_by_device ON factors (jkt);
CREATE INDEX limits_by_end ON limits (until);

-- Evaluations, counted in several rows so that they do not wait for each other.
INSERT INTO counters (name, n) VALUES
    ('evaluations/00', 0), ('evaluations/01', 0), ('evaluations/02', 0), ('evaluations/03', 0),
    ('evaluations/04', 0), ('evaluations/05', 0), ('evaluations/06', 0), ('evaluations/07', 0),
    ('evaluations/08', 0), ('evaluations/09', 0), ('evaluations/10', 0), ('evaluations/11', 0),
    ('evaluations/12', 0), ('evaluations/13', 0), ('evaluations/14', 0), ('evaluations/15', 0);
