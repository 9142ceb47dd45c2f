-- Second factors: which SFS an app may use, what a client asks for, what an account has, what was
-- shown for a login.

-- JSON: the roots of second factor servers that count for accounts of this app. NULL is none.
ALTER TABLE apps ADD COLUMN sfs TEXT COLLATE "C";

-- JSON: the second factor that logins of this client need. NULL is none.
ALTER TABLE clients ADD COLUMN second_factor TEXT COLLATE "C";

-- JSON: the attestation that a login was approved with, and what it takes to verify it.
ALTER TABLE outcomes ADD COLUMN evidence TEXT COLLATE "C";

-- The second factor of an account.
CREATE TABLE factors (
    realm    BYTEA   NOT NULL,
    account  BYTEA   NOT NULL,
    root     BYTEA   NOT NULL,
    factor   BYTEA   NOT NULL,
    policy   INTEGER NOT NULL,
    bound_at BIGINT  NOT NULL,
    PRIMARY KEY (realm, account)
);

-- The account that an enrolment gives a second factor. NULL makes a new account.
ALTER TABLE enrolments ADD COLUMN factor_of BYTEA;

-- Second factors that wait until their enrolment is confirmed.
CREATE TABLE offered_factors (
    realm     BYTEA   NOT NULL,
    enrolment BYTEA   NOT NULL,
    root      BYTEA   NOT NULL,
    factor    BYTEA   NOT NULL,
    policy    INTEGER NOT NULL,
    PRIMARY KEY (realm, enrolment)
);

-- Attestations that were used, until they could not be used any more. The key is a hash of the root
-- and the attestation's id.
CREATE TABLE spent_attestations (
    id    BYTEA  NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (id)
);

-- The newest key list of each SFS that was seen.
CREATE TABLE sfs_key_lists (
    root BYTEA            NOT NULL,
    seq  BIGINT           NOT NULL,
    list TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (root)
);

CREATE INDEX spent_attestations_by_end ON spent_attestations (until);
