-- Second factors: which SFS an app may use, what a client asks for, what an account has, what was
-- shown for a login.

-- JSON: the roots of second factor servers that count for accounts of this app. NULL is none.
ALTER TABLE apps ADD COLUMN sfs MEDIUMTEXT;

-- JSON: the second factor that logins of this client need. NULL is none.
ALTER TABLE clients ADD COLUMN second_factor TEXT;

-- JSON: the attestation that a login was approved with, and what it takes to verify it.
ALTER TABLE outcomes ADD COLUMN evidence MEDIUMTEXT;

-- The second factor of an account.
CREATE TABLE factors (
    realm    BINARY(16) NOT NULL,
    account  BINARY(16) NOT NULL,
    root     BINARY(32) NOT NULL,
    factor   BINARY(16) NOT NULL,
    policy   INTEGER    NOT NULL,
    bound_at BIGINT     NOT NULL,
    PRIMARY KEY (realm, account)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The account that an enrolment gives a second factor. NULL makes a new account.
ALTER TABLE enrolments ADD COLUMN factor_of BINARY(16);

-- Second factors that wait until their enrolment is confirmed.
CREATE TABLE offered_factors (
    realm     BINARY(16) NOT NULL,
    enrolment BINARY(16) NOT NULL,
    root      BINARY(32) NOT NULL,
    factor    BINARY(16) NOT NULL,
    policy    INTEGER    NOT NULL,
    PRIMARY KEY (realm, enrolment)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Attestations that were used, until they could not be used any more. The key is a hash of the root
-- and the attestation's id.
CREATE TABLE spent_attestations (
    id    BINARY(32) NOT NULL,
    until BIGINT     NOT NULL,
    PRIMARY KEY (id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The newest key list of each SFS that was seen.
CREATE TABLE sfs_key_lists (
    root BINARY(32) NOT NULL,
    seq  BIGINT     NOT NULL,
    list TEXT       NOT NULL,
    PRIMARY KEY (root)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX spent_attestations_by_end ON spent_attestations (until);
