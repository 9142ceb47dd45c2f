-- Devices with a PIN, their factors, limits by address, and the keys of attestations.

-- A device is named by the thumbprint of its key. `version` grows with each change; `state` and the
-- meaning of the other columns are in crates/domain-sfs/src/device.rs.
CREATE TABLE devices (
    jkt        BINARY(32)      NOT NULL,
    version    BIGINT          NOT NULL,
    record     BINARY(16)      NOT NULL,
    seed       BINARY(8)       NOT NULL,
    sealed     VARBINARY(1000) NOT NULL,
    state      INTEGER         NOT NULL,
    tries_left INTEGER         NOT NULL,
    try_after  BIGINT          NOT NULL,
    open_id    BINARY(16),
    open_until BIGINT,
    created_at BIGINT          NOT NULL,
    used_at    BIGINT          NOT NULL,
    PRIMARY KEY (jkt)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What devices are called at accounts elsewhere. A factor goes with its device.
CREATE TABLE factors (
    factor     BINARY(16) NOT NULL,
    jkt        BINARY(32) NOT NULL,
    created_at BIGINT     NOT NULL,
    PRIMARY KEY (factor)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- How often an origin did something. The key is a MAC of the address.
CREATE TABLE limits (
    key_mac BINARY(16) NOT NULL,
    n       INTEGER    NOT NULL,
    until   BIGINT     NOT NULL,
    PRIMARY KEY (key_mac)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Lists of attestation keys, each signed by the root, each with the newest of its keys.
CREATE TABLE key_lists (
    seq     BIGINT          NOT NULL,
    list    TEXT            NOT NULL,
    kid     BINARY(32)      NOT NULL,
    sealed  VARBINARY(1000) NOT NULL,
    made_at BIGINT          NOT NULL,
    PRIMARY KEY (seq)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX devices_by_use ON devices (used_at);
CREATE INDEX factors_by_device ON factors (jkt);
CREATE INDEX limits_by_end ON limits (until);

-- Evaluations, counted in several rows so that they do not wait for each other.
INSERT INTO counters (name, n) VALUES
    ('evaluations/00', 0), ('evaluations/01', 0), ('evaluations/02', 0), ('evaluations/03', 0),
    ('evaluations/04', 0), ('evaluations/05', 0), ('evaluations/06', 0), ('evaluations/07', 0),
    ('evaluations/08', 0), ('evaluations/09', 0), ('evaluations/10', 0), ('evaluations/11', 0),
    ('evaluations/12', 0), ('evaluations/13', 0), ('evaluations/14', 0), ('evaluations/15', 0);
