-- Second factors: which SFS an app may use, what a client asks for, what an account has, what was
-- shown for a login.

-- JSON: the roots of second factor servers that count for accounts of this app. NULL is none.
ALTER TABLE apps ADD COLUMN sfs TEXT;

-- JSON: the second factor that logins of this client need. NULL is none.
ALTER TABLE clients ADD COLUMN second_factor TEXT;

-- JSON: the attestation that a login was approved with, and what it takes to verify it.
ALTER TABLE outcomes ADD COLUMN evidence TEXT;

-- The second factor of an account.
CREATE TABLE factors (
    realm    BLOB    NOT NULL,
    account  BLOB    NOT NULL,
    root     BLOB    NOT NULL,
    factor   BLOB    NOT NULL,
    policy   INTEGER NOT NULL,
    bound_at BIGINT  NOT NULL,
    PRIMARY KEY (realm, account)
) WITHOUT ROWID;

-- The account that an enrolment gives a second factor. NULL makes a new account.
ALTER TABLE enrolments ADD COLUMN factor_of BLOB;

-- Second factors that wait until their enrolment is confirmed.
CREATE TABLE offered_factors (
    realm     BLOB    NOT NULL,
    enrolment BLOB    NOT NULL,
    root      BLOB    NOT NULL,
    factor    BLOB    NOT NULL,
    policy    INTEGER NOT NULL,
    PRIMARY KEY (realm, enrolment)
) WITHOUT ROWID;

-- Attestations that were used, until they could not be used any more. The key is a hash of the root
-- and the attestation's id.
CREATE TABLE spent_attestations (
    id    BLOB   NOT NULL PRIMARY KEY,
    until BIGINT NOT NULL
) WITHOUT ROWID;

-- The newest key list of each SFS that was seen.
CREATE TABLE sfs_key_lists (
    root BLOB   NOT NULL PRIMARY KEY,
    seq  BIGINT NOT NULL,
    list TEXT   NOT NULL
) WITHOUT ROWID;

CREATE INDEX spent_attestations_by_end ON spent_attestations (until);
