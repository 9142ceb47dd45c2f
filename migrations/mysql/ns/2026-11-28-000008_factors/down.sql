DROP TABLE sfs_key_lists;
DROP TABLE spent_attestations;
DROP TABLE offered_factors;
ALTER TABLE enrolments DROP COLUMN factor_of;
DROP TABLE factors;
ALTER TABLE outcomes DROP COLUMN evidence;
ALTER TABLE clients DROP COLUMN second_factor;
ALTER TABLE apps DROP COLUMN sfs;
